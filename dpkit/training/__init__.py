"""How a sanitizer's networks learn from the provider's images: one loop, repeatable, resumable.

    draws        every draw is named by seed, purpose, epoch and step: nothing to be kept
    pictures     the images as batches, and which of them learn and which decide
    augment      mirrored and shifted images
    state        networks and optimizers as named arrays, and back
    loop         epochs, early stopping, checkpoints, the curve
    encoding     what a trained encoder makes of images, the same bytes whatever the batch
    distances    how far a reconstruction is from its image, differentiable
    obfuscation  an obfuscator and its classifier against a reconstructor
    suite        a bipartite network's steps against a suite of defenders
    partitioned  from labelled images to a trained bipartite network

What is to be learned, and by which loss, is the sanitizer's: a `Learner`.
"""
