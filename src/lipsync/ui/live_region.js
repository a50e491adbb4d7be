// What changes in `element`, Gradio's around a card, is said by screen readers: notes, and the words in
// `data-say`. Gradio puts the whole card in anew at each change, so only words that differ are said.
const voice = document.createElement("div");
voice.className = "ls-hidden";
voice.setAttribute("role", "status");
voice.setAttribute("aria-live", "polite");
element.after(voice);
new MutationObserver(() => {
  const said = [...element.querySelectorAll("[data-say], .ls-note")];
  const words = said.map((one) => one.dataset.say || one.textContent).join(" ");
  if (words !== voice.textContent) voice.textContent = words;
}).observe(element, { childList: true, subtree: true, characterData: true });
