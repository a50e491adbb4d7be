// A live session: `element` is Gradio's, around what live_view.panel makes.
const find = (what) => element.querySelector(what);
const button = (name) => find(`[data-do=${name}]`);
let stream = null, peer = null, channel = null, session = null, clock = 0, attempt = 0;
let waits = [], slow = false; // milliseconds from a frame's arrival to the screen
let begun = false; // a frame has been shown

const say = (words, wrong = false) => {
  const line = find("[role=status]");
  line.textContent = words;
  line.className = wrong ? "ls-error" : "ls-note";
};

const REFUSED = {
  NotAllowedError: "The microphone was refused. Allow it for this page in the browser's address bar and start again.",
  NotFoundError: "No microphone was found. Connect one and start again.",
  NotReadableError: "The microphone is in use by another program, or has a fault. Close that program and start again.",
};
const LOST = "The connection to the page's computer was lost. Start again.";
const APART = "No connection came about. This browser and the page's computer have to be in one network, with no firewall between them that stops UDP.";

const LIVE = "You are live. Speak; in silence the mouth closes.";
const SLOW = "This computer makes fewer frames than it should: some are left out, so that the picture keeps up with you. If a video is being generated or a training runs on it, wait for that; else choose a smaller avatar.";

const show = (live) => {
  button("start").hidden = live;
  button("stop").hidden = !live;
  find("video").hidden = find(".ls-tiles").hidden = !live;
  find(".ls-empty").hidden = live;
};

// Another avatar would change the card beside the picture, and not the picture.
const hold = (held) => {
  const input = document.querySelector("#live-avatar input");
  if (input) input.disabled = held;
};

const end = (words, wrong = false) => {
  attempt += 1; // what is still being waited for is too late
  const focused = document.activeElement === button("stop");
  clearInterval(clock);
  if (stream) for (const track of stream.getTracks()) track.onended = null, track.stop();
  if (channel) channel.onclose = channel.onmessage = null;
  if (peer) peer.onconnectionstatechange = null, peer.close();
  leave();
  find("video").srcObject = null;
  stream = peer = channel = null;
  show(false);
  hold(false);
  if (focused) button("start").focus();
  say(words, wrong);
};

const leave = () => {
  if (session) navigator.sendBeacon("live/end", JSON.stringify({ session }));
  session = null;
};

const gathered = (peer) => new Promise((done) => {
  const look = () => { if (peer.iceGatheringState === "complete") done(); };
  peer.addEventListener("icegatheringstatechange", look);
  look();
});

const start = async () => {
  const mine = ++attempt;
  button("start").hidden = true;
  button("stop").hidden = false;
  button("stop").focus();
  hold(true);
  say("Asking for the microphone.");
  if (!navigator.mediaDevices) {
    end("Browsers open a microphone on 127.0.0.1 and over HTTPS only.", true);
    return;
  }
  try {
    const opened = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: false, autoGainControl: false },
    });
    if (mine !== attempt) {
      for (const track of opened.getTracks()) track.stop();
      return;
    }
    stream = opened;
  } catch (error) {
    if (mine === attempt) end(REFUSED[error.name] || `The microphone cannot be opened (${error.name}).`, true);
    return;
  }
  say("Loading the avatar.");
  try {
    await connect(mine);
  } catch (error) {
    if (mine === attempt) end(error.told || LOST, true);
  }
};

const connect = async (mine) => {
  peer = new RTCPeerConnection({ iceServers: [] });
  const [voice] = stream.getAudioTracks();
  voice.onended = () => end("The microphone has gone. Connect it and start again.", true);
  peer.addTransceiver(voice, { direction: "sendrecv", streams: [stream] });
  peer.addTransceiver("video", { direction: "recvonly" });
  const received = new MediaStream();
  peer.ontrack = ({ track, receiver }) => {
    receiver.jitterBufferTarget = 0; // as soon as it is there
    received.addTrack(track);
  };
  let connected = false;
  peer.onconnectionstatechange = () => {
    if (peer.connectionState === "connected") connected = true;
    if (peer.connectionState === "failed") end(connected ? LOST : APART, true);
  };
  channel = peer.createDataChannel("live");
  channel.onopen = tell;
  channel.onmessage = ({ data }) => hear(JSON.parse(data));
  channel.onclose = () => end(LOST, true);
  await peer.setLocalDescription(await peer.createOffer());
  await gathered(peer);
  const answer = await fetch("live/offer", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ avatar: avatar(), offer: peer.localDescription.sdp }),
  });
  const said = await answer.json().catch(() => ({}));
  if (mine !== attempt) { // stopped meanwhile
    if (said.session) navigator.sendBeacon("live/end", JSON.stringify({ session: said.session }));
    return;
  }
  if (!answer.ok) throw { told: said.error };
  session = said.session;
  await peer.setRemoteDescription({ type: "answer", sdp: said.answer });
  const video = find("video");
  video.srcObject = received;
  video.muted = !find("[data-voice]").checked;
  video.play().catch(() => {}); // it plays when the first frame is there
  waits = [], slow = begun = false;
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(seen);
  else video.onloadeddata = first;
  show(true);
  say("Waiting for the first frame.");
};

const avatar = () => document.querySelector("#live-avatar input")?.value ?? "";

const tell = () => {
  const voice = find("[data-voice]").checked;
  find("video").muted = !voice;
  if (channel?.readyState === "open") channel.send(JSON.stringify({ voice }));
};

const first = () => {
  if (peer && !begun) begun = true, say(LIVE);
};

const seen = (now, frame) => {
  if (!peer) return;
  first();
  if (frame.receiveTime) waits.push(frame.expectedDisplayTime - frame.receiveTime);
  find("video").requestVideoFrameCallback(seen);
};

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

// A report of the server's, one a second; what the browser adds is measured here.
const hear = async (report) => {
  if ("ended" in report) {
    end(report.ended || "The session has ended.", Boolean(report.ended));
    return;
  }
  let connection = 0;
  const stats = peer ? await peer.getStats() : [];
  stats.forEach((one) => {
    if (one.type === "candidate-pair" && one.nominated) connection = 1000 * (one.currentRoundTripTime || 0);
  });
  if (!peer) return;
  const microphone = 1000 * (stream.getAudioTracks()[0].getSettings().latency || 0.01);
  const screen = waits.length ? median(waits) : 0;
  waits = [];
  const due = report.made + report.left_out;
  find("[data-fps]").textContent = `${report.made} / s`;
  find("[data-left]").textContent = due ? `${Math.round((100 * report.left_out) / due)} %` : "–";
  find("[data-left]").parentElement.className = `ls-tile ${report.left_out * 10 > due ? "ls-bad" : "ls-good"}`;
  if (report.latency !== null) {
    const latency = microphone + connection + 1000 * report.latency + screen;
    find("[data-latency]").textContent = `${Math.round(latency)} ms`;
    find("[data-latency]").parentElement.className = `ls-tile ${latency < 400 ? "ls-good" : "ls-bad"}`;
    const ahead = 1000 * report.look_ahead;
    find("[data-parts]").textContent = "latency: " + [
      [microphone, "microphone"],
      [connection, "connection"],
      [ahead, "listening ahead"],
      [1000 * report.latency - ahead, "making the frame"],
      [screen, "waiting for the screen"],
    ].map(([time, what]) => `${Math.round(time)} ms ${what}`).join(" + ");
  }
  const late = report.left_out * 10 > due;
  if (begun && late !== slow) {
    slow = late;
    say(slow ? SLOW : LIVE);
  }
};

element.addEventListener("click", (event) => {
  const wanted = event.target.closest("[data-do]")?.dataset.do;
  if (wanted === "start") start();
  if (wanted === "stop") end("Stopped.");
});
element.addEventListener("change", (event) => {
  if (event.target.matches("[data-voice]")) tell();
});
window.addEventListener("pagehide", leave);
