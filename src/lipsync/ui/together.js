// Two videos that play as one: the first has the controls and the audio, the second follows it.
// `element` is Gradio's, around what compare_view.comparison makes.
const FRAME = 0.04; // seconds that the second may be off before it is moved
const both = (event) => {
  const videos = [...element.querySelectorAll(".ls-together video")];
  return videos.length === 2 && event.target === videos[0] ? videos : null;
};

const follow = (event) => {
  const videos = both(event);
  if (!videos) return;
  const [first, second] = videos;
  second.playbackRate = first.playbackRate;
  if (Math.abs(second.currentTime - first.currentTime) > FRAME) second.currentTime = first.currentTime;
  if (first.paused && !second.paused) second.pause();
  if (!first.paused && second.paused && first.currentTime < second.duration) second.play();
};

// Events of media do not bubble, but they are caught on their way down.
for (const name of ["play", "playing", "pause", "seeking", "seeked", "timeupdate", "ratechange", "ended"]) {
  element.addEventListener(name, follow, true);
}
