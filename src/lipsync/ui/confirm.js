// "Use another video" deletes the page's copy of the video. Of one that was never trained it is perhaps
// the only one, so that is asked before Gradio hears of the click. `element` is Gradio's, around the report.
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#new-another")) return;
  const { phase, file } = element.querySelector("[data-phase]")?.dataset || {};
  if (!["checking", "ready"].includes(phase)) return;
  if (window.confirm(`Delete ${file} from this page? Nothing was trained on it, and the page has no other copy.`)) return;
  event.stopImmediatePropagation();
  event.preventDefault();
}, true);
