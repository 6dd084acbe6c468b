"""CSP modules of the YOLO family: a few frames, and the inner blocks in which modules differ.

``frames`` define how paths divide and join. ``bottlenecks``, ``attention`` and ``parts`` hold their
blocks, and ``two_paths``, ``chunked``, ``attentive``, ``elan``, ``repvgg`` and ``pyramids`` the
modules. Convolutions make the paths in place of CSPNet's split (arXiv 1911.11929). Most modules are
its fusion first, Figure 3(c), one fusing convolution after the concat: `BottleneckCSP` is nearer to
Figure 3(b), `RepC3` adds its paths, and `A2C2f`, `SPPF`, `SPPELAN` and `HGBlock` divide nothing.

All take (N, c1, H, W) and return (N, c2, H, W). All raise ValueError for a count or ratio that is
not above 0, an even ``k``, ``groups`` that do not divide the channels they group, a count to be
halved that is odd, and an unknown ``activation``. Unless a module says otherwise, ``e`` is the
channels of a path over ``c2``, rounded down, but at least one.
"""
