"""One of two processes that share a data set: prints the ids that its sampler gives it."""

import sys

import torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler

from dpkit.developer import ReleaseDataset

release, meeting, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
dataset = ReleaseDataset(release)
sampler = DistributedSampler(dataset, shuffle=False)
values = [value for batch, _ in DataLoader(dataset, 8, sampler=sampler) for value in batch]
known = {dataset[i][0].numpy().tobytes(): name for i, name in enumerate(dataset.ids)}
print(" ".join(known[value.numpy().tobytes()] for value in values))
dist.barrier()
dist.destroy_process_group()
