// Why the microphone of the tab *Record* cannot be had: Gradio says "No microphone found" of everything.
// `element` is Gradio's, around an empty line. The browser is asked by Gradio; here its answer is heard.
const WORDS = {
  NotAllowedError: "The microphone was refused. Allow it for this page in the browser's address bar and reload the page, or upload an audio file.",
  NotFoundError: "No microphone was found. Connect one and reload the page, or upload an audio file.",
  NotReadableError: "The microphone is in use by another program. Close that and record again, or upload an audio file.",
};
const say = (words) => {
  const line = element.querySelector("[role=alert]");
  line.textContent = words;
  line.hidden = !words;
};
const devices = navigator.mediaDevices;
if (devices) {
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    try {
      const stream = await ask(wanted);
      if (!wanted.video) say("");
      return stream;
    } catch (error) {
      if (!wanted.video) say(WORDS[error.name] || `The microphone cannot be used (${error.name}); upload an audio file instead.`);
      throw error;
    }
  };
} else {
  say("Browsers record on 127.0.0.1 and over HTTPS only; upload an audio file instead.");
}
