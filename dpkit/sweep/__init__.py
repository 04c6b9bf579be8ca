"""Sweeps: one sanitizer over its parameter, before any release; nothing is published.

| file | idea |
|---|---|
| `sample.py` | some images of a folder, and their classes as the network numbers them |
| `network.py` | the network that is asked |
| `said.py` | what it says under one setting: probability, classes kept |
| `hold.py` | sample-and-hold before the layers of a network: `sweep_hold` |
| `heldtable.py`, `heldplot.py` | its result for people, for programs, as a plot |
| `private.py` | the folder that it is written to |
| `held.py` | all of it: `hold_folder` |
| `source.py` | labelled images of a folder, in the parts of a release |
| `cells.py` | what a long sweep has finished, so that a killed one goes on |
| `attackers.py` | reconstructors trained against a frozen encoder, beside guesses |
| `obfuscate.py` | obfuscators over λ, trained and attacked: `sweep_obfuscate` |
| `obfuscators.py` | one obfuscator, trained once and kept |
| `sharing.py` | the time of attackers, shared |
| `obfuscated.py` | what was found, λ by λ |
| `obfuscatedtable.py`, `obfuscatedplot.py` | it for people, for programs, as a plot |
| `obfuscating.py` | all of it: `obfuscate_folder` |
| `spread.py` | mean and spread over seeds |
| `workers.py` | jobs in several processes |
| `strengths.py` | values of λ that may be asked for |
| `perceived.py`, `shown_faces.py` | perceptual distance of, and faces in, an attacker's pictures |
| `partitionplan.py` | split points, λ and seeds that are asked for |
| `partitionnetworks.py` | networks, each trained once and kept |
| `partition.py` | one case: a network, and every attacker of it |
| `partitionmemory.py` | whether it fits into memory |
| `partitionsentences.py` | what was found, in sentences |
| `partitiontable.py`, `partitionplot.py` | it for people, for programs, as a plot |
| `partitioning.py` | all of it: `partition_folder` |
"""
