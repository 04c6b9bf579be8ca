"""Sweeps: what a network says of images as a sanitizer's parameter grows; nothing is released.

| file | idea |
|---|---|
| `sample.py` | some images of a folder, and their classes as the network numbers them |
| `network.py` | the network that is asked |
| `said.py` | what it says under one setting: probability, classes kept |
| `hold.py` | sample-and-hold before the layers of a network: `sweep_hold` |
| `heldtable.py`, `heldplot.py` | its result for people, for programs, as a plot |
| `private.py` | the folder that it is written to |
| `held.py` | all of it: `hold_folder` |
"""
