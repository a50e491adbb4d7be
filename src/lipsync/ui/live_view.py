"""What the tab Live shows, as HTML; `live/live.js` makes it work."""

HELP = (
    "The avatar says what you say; the page shows how much later. To change the avatar, stop "
    "first. Nothing is recorded. Only with the consent of the person who is shown."
)
VOICE = "Play my voice with the picture"
VOICE_HELP = "As late as the picture is. Use headphones, or the microphone hears it again."


def panel() -> str:
    """Picture, figures and controls of a session; the server is first asked by `Start`."""
    tiles = "".join(
        f'<div class="ls-tile"><b data-{name}>–</b><small>{words}</small></div>'
        for name, words in (("fps", "frames"), ("left", "of the frames left out"))
    )
    return (
        '<div class="ls-live">'
        '<div class="ls-empty">The avatar appears here.</div>'
        '<video playsinline muted hidden aria-label="The avatar, live"></video>'
        '<p class="ls-note" role="status" aria-live="polite"></p>'
        '<div class="ls-row"><button type="button" class="ls-do ls-main" id="live-start" '
        'data-do="start">Start</button>'
        '<button type="button" class="ls-do" data-do="stop" hidden>Stop</button>'
        f'<label class="ls-check"><input type="checkbox" data-voice '
        f'aria-describedby="ls-voice-help"> {VOICE}</label></div>'
        f'<p class="ls-note" id="ls-voice-help">{VOICE_HELP}</p>'
        '<div class="ls-tiles" hidden><div class="ls-tile"><b data-latency>–</b>'
        f"<small data-parts>latency</small></div>{tiles}</div></div>"
    )
