"""A microphone in, the avatar out, while one speaks: WebRTC (extra `live`).

microphone   what the browser sends: to 16 kHz mono
speaking     a thread that feeds `LiveAvatar`, and what became of the time
tracks       pictures and the delayed voice on their way back (aiortc)
session      one connection (aiortc)
place        there is one session at a time
routes       POST /live/offer and /live/end
"""
