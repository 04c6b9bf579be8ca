"""The parts of the dataset card that are the same in every release."""

from __future__ import annotations

from typing import Final

BLOCKS: Final = """\
With dpkit, in this folder:

```python
import torch
from dpkit.developer import ReleaseDataset, first_layer
from dpkit.release.read import Release

release = Release.open(".", verify="quick")
dataset = ReleaseDataset(".", split="{part}", verify="none")
loader = torch.utils.data.DataLoader(dataset, batch_size=64, shuffle=True, num_workers=2)
model = torch.nn.Sequential(
    first_layer(release, dim=192),
    torch.nn.TransformerEncoderLayer(192, 4, 384, batch_first=True, norm_first=True),
    torch.nn.Flatten(),
    torch.nn.LazyLinear({outputs}),
)
for images, targets in loader:
    print(model(images).shape, targets.shape)
    break
```
"""

ORDINARY: Final = """\
With dpkit, in this folder:

```python
{imports}import torch
from dpkit.developer import ReleaseDataset

dataset = ReleaseDataset(".", split="{part}", verify="quick")
loader = torch.utils.data.DataLoader(dataset, batch_size=64, shuffle=True, num_workers=2)
mean, std = (torch.tensor(v).reshape(-1, 1, 1) for v in ({mean}, {std}))
model = torch.nn.Sequential(
    torch.nn.LazyConv2d(32, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.AdaptiveAvgPool2d(4),
    torch.nn.Flatten(),
    torch.nn.LazyLinear({outputs}),
)
for images, targets in loader:
    print(model((images - mean) / std).shape, targets.shape)
    break
```
"""

H5PY: Final = """\
Without dpkit (numpy and h5py):

```python
import glob
{imports}import h5py
import numpy as np
mean, std = (np.reshape(v, (-1, 1, 1)).astype("float32") for v in ({mean}, {std}))
for name in sorted(glob.glob("data/{part}-*.h5")):
    with h5py.File(name) as shard:
        images, labels = shard["images"][:], shard["labels"][:]
    inputs = (images.astype("float32") - mean) / std
    print(name, inputs.shape, labels.shape)
```
"""

REMOTE: Final = """\
`remote.safetensors` holds the trained rest of the network, which goes on from these values:

```python
from dpkit.developer import ReleaseDataset, remote_part

model = remote_part(".")
images, _ = ReleaseDataset(".", split="{part}", verify="none")[0]
print(model(images[None]).argmax())
```
"""

VERIFY: Final = """\
## Check it

One of these, in this folder; the first checks everything, down to the values:

```sh
dpkit verify . --fingerprint {fingerprint}
minisign -V -P {key} -m tagmanifest-sha256.txt
sha256sum -c tagmanifest-sha256.txt manifest-sha256.txt
```

The last says that nothing changed since the lists were written; only the first two say who wrote
them. Get the fingerprint from the provider, by a way other than this folder.
"""

MEASURED: Final = """\
- That the images cannot be recovered. `report.html` says what was measured and what was tried;
  an attack that nobody has run proves nothing."""

PROMISED: Final = """\
- Anything beyond the promise above. `report.html` says what it leaves open. Nothing in this folder
  was computed from originals but the released values, what follows from these alone, and the ids,
  which are keyed hashes and random to all who lack the key."""

LIMITS: Final = """\
## What is not claimed

{recovered}
- That the release is anonymous in the sense of any law. Labels, counts, groups and the kept
  columns of `data/index.csv` are published as they are.
- That ids mean anything: they are keyed pseudonyms, and only the provider can undo them.
- That a model trained here works on ordinary images: it learns from sanitized values.
- Any licence. What may be done with the release is between you and the provider.
"""
