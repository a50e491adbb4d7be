// The browser's camera: `element` is Gradio's, around what new_person_view.recorder makes.
// A recording is handed to the field "Source video" as if it had been dropped there.
const RATE = 5e6; // bits a second of the picture: 4 minutes are 150 MB
const find = (what) => element.querySelector(what);
const button = (name) => find(`[data-do=${name}]`);
const show = (names) => {
  for (const one of element.querySelectorAll("[data-do]")) one.hidden = !names.includes(one.dataset.do);
};
let stream = null, recorder = null, pieces = [], bytes = 0, since = 0, clock = 0;

const say = (words, wrong = false) => {
  const line = find("[role=status]");
  line.textContent = words;
  line.className = wrong ? "ls-error" : "ls-note";
};

const REFUSED = {
  NotAllowedError: "The camera was refused. Allow camera and microphone for this page in the browser's address bar and open the camera again, or upload a file.",
  NotFoundError: "No camera with a microphone was found. Connect one and open the camera again, or upload a file.",
  NotReadableError: "The camera is in use by another program. Close that and open the camera again, or upload a file.",
};

const close = () => {
  clearInterval(clock);
  window.onbeforeunload = null;
  if (stream) for (const track of stream.getTracks()) track.stop();
  stream = null;
  find("video").hidden = find(".ls-prompter").hidden = true;
};

const open = async () => {
  if (!navigator.mediaDevices) {
    say("Browsers open a camera on 127.0.0.1 and over HTTPS only; upload a file instead.", true);
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    say(REFUSED[error.name] || `The camera cannot be opened (${error.name}); upload a file instead.`, true);
    return;
  }
  const video = find("video");
  video.srcObject = stream;
  video.hidden = find(".ls-prompter").hidden = false;
  video.play();
  say("Close your lips, press Record, wait two seconds, then read the text.");
  show(["record"]);
};

const record = () => {
  const kind = ["video/mp4;codecs=avc1,mp4a.40.2", "video/webm"].find((one) => MediaRecorder.isTypeSupported(one));
  pieces = [], bytes = 0, since = Date.now();
  const most = Number(find(".ls-recorder").dataset.most) * 0.97;
  recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: RATE, audioBitsPerSecond: 128e3 });
  recorder.ondataavailable = (event) => {
    pieces.push(event.data);
    bytes += event.data.size;
    if (bytes > most && recorder.state === "recording") recorder.stop();
  };
  recorder.onstop = use;
  recorder.start(1000);
  window.onbeforeunload = (event) => event.preventDefault();
  clock = setInterval(() => {
    const seconds = Math.floor((Date.now() - since) / 1000);
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    say(`Recording, ${time}. ${seconds < 120 ? "Two minutes at least." : "Enough; close your lips for two seconds, then stop."}`);
  }, 1000);
  show(["stop"]);
};

const use = () => {
  const full = bytes > Number(find(".ls-recorder").dataset.most) * 0.97;
  close();
  const end = recorder.mimeType.includes("mp4") ? "mp4" : "webm";
  const file = new File(pieces, `recording.${end}`, { type: recorder.mimeType.split(";")[0] });
  const save = button("save"); // stays, so that nothing is lost where the upload fails
  save.href = URL.createObjectURL(file);
  save.download = file.name;
  show(["open", "save"]);
  say(full ? "As much as can be uploaded here was recorded; uploading it." : "Uploading the recording.");
  const field = document.querySelector("#source-video input[type=file]");
  const transfer = new DataTransfer();
  transfer.items.add(file);
  field.files = transfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
};

element.addEventListener("click", (event) => {
  const wanted = event.target.closest("[data-do]")?.dataset.do;
  if (wanted === "open") open();
  if (wanted === "record") record();
  if (wanted === "stop") recorder.stop();
});
