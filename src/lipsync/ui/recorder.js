// The browser's camera: `element` is Gradio's, around what new_person_view.recorder makes.
// A recording is handed to the field "Source video" as if it had been dropped there, and stays in this
// browser tab too, to be saved, until that video is trained on. Another tab may bring a video meanwhile.
const RATE = 5e6; // bits a second of the picture: 4 minutes are 150 MB
const LOOK = 500; // milliseconds between two looks at what the page says of the video
const find = (what) => element.querySelector(what);
const button = (name) => find(`[data-do=${name}]`);
const show = (...names) => {
  for (const one of element.querySelectorAll("[data-do]")) one.hidden = !names.includes(one.dataset.do);
};
let stream = null, recorder = null, pieces = [], bytes = 0, since = 0;
let kept = null; // the last recording, a File
let handed = false, saved = false; // whether it was given to the field, and whether somebody saved it
let before = ""; // what the page said at the last look

const recording = () => recorder?.state === "recording";
const most = () => Number(find(".ls-recorder").dataset.most) * 0.97; // bytes of a recording
const situation = () => document.querySelector("#new-person [data-phase]")?.dataset || { phase: "none", file: "" };

const say = (words, wrong = false) => {
  const line = find("[role=status]");
  if (line.textContent !== words) line.textContent = words;
  line.className = wrong ? "ls-error" : "ls-note";
};

const REFUSED = {
  NotAllowedError: "The camera was refused. Allow camera and microphone for this page in the browser's address bar and open the camera again, or upload a file.",
  NotFoundError: "No camera with a microphone was found. Connect one and open the camera again, or upload a file.",
  NotReadableError: "The camera is in use by another program. Close that and open the camera again, or upload a file.",
};
const READY = "Close your lips, press Record, wait two seconds, then read the text.";

const close = () => {
  if (stream) for (const track of stream.getTracks()) track.stop();
  stream = null;
  find("video").srcObject = null;
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
  find("details").open = false;
  say(READY);
  look();
  find(".ls-recorder").scrollIntoView({ block: "start" });
};

const record = () => {
  const kind = ["video/mp4;codecs=avc1,mp4a.40.2", "video/webm"].find((one) => MediaRecorder.isTypeSupported(one));
  pieces = [], bytes = 0, since = Date.now();
  recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: RATE, audioBitsPerSecond: 128e3 });
  recorder.ondataavailable = (event) => {
    pieces.push(event.data);
    bytes += event.data.size;
    if (bytes > most() && recording()) recorder.stop();
  };
  recorder.onstop = keep;
  recorder.start(1000);
  look();
};

// Throw a take away; the camera stays open for the next.
const discard = () => {
  recorder.onstop = null;
  recorder.stop();
  pieces = [];
  say(`Discarded. ${READY}`);
  look();
};

const keep = () => {
  close();
  const end = recorder.mimeType.includes("mp4") ? "mp4" : "webm";
  kept = new File(pieces, `recording.${end}`, { type: recorder.mimeType.split(";")[0] });
  handed = saved = false;
  const save = button("save");
  if (save.href) URL.revokeObjectURL(save.href);
  save.href = URL.createObjectURL(kept);
  save.download = kept.name;
  if (situation().phase === "none") use();
  look();
};

const use = () => {
  const field = document.querySelector("#source-video input[type=file]");
  if (!field) {
    say('The field "Source video" holds another file. Save the recording, or remove that file first.', true);
    return;
  }
  handed = true;
  say(bytes > most() ? "As much as can be uploaded here was recorded; uploading it." : "Uploading the recording.");
  const transfer = new DataTransfer();
  transfer.items.add(kept);
  field.files = transfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
};

// Show what can be done now, and say what another tab did.
const look = () => {
  if (!element.isConnected) {
    clearInterval(looking);
    window.onbeforeunload = null;
    if (recording()) recorder.onstop = null, recorder.stop();
    close();
    return;
  }
  const { phase, file } = situation();
  const taken = phase !== "none";
  if (taken && stream && !recording()) {
    close();
    say("");
  }
  const mine = kept && handed && taken && file === kept.name;
  const trained = mine && ["training", "stopped", "finished"].includes(phase);
  find(".ls-recorder").hidden = taken && !recording() && (!kept || trained);
  find("details").hidden = taken;
  find(".ls-recorder").classList.toggle("ls-taken", taken); // style.css gives it the whole row
  window.onbeforeunload = recording() || (kept && !mine && !saved) ? (event) => event.preventDefault() : null;
  if (recording()) {
    const seconds = Math.floor((Date.now() - since) / 1000);
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    const enough = seconds < 120 ? "Two minutes at least." : "Enough; close your lips for two seconds, then stop.";
    const other = taken ? ` ${file} has come from another tab meanwhile; when you stop, this recording stays here.` : "";
    say(`Recording, ${time}. ${enough}${other}`);
    show("stop", "discard");
  } else if (stream) show("record", "close");
  else if (!kept) show("open");
  else if (taken) show("save");
  else show("open", "use", "save");
  const after = `${phase} ${file} ${kept?.lastModified} ${recording()}`;
  if (kept && !recording() && !stream && after !== before) {
    if (mine) say("The recording stays in this browser tab too, until it is closed or loaded again.");
    else if (taken) say(`${file} is here, from another tab; your recording is in this browser tab only. Save it, or press "Use another video" and then "Use the recording".`);
  }
  before = after;
};
const looking = setInterval(look, LOOK);

const ACTIONS = { open, record, discard, use };
element.addEventListener("click", (event) => {
  const wanted = event.target.closest("[data-do]")?.dataset.do;
  if (wanted === "stop") recorder.stop();
  if (wanted === "save") saved = true;
  if (wanted === "close") {
    close();
    say("");
    look();
  }
  ACTIONS[wanted]?.();
});
