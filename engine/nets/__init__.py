"""Nets: modules only. A denoiser is called as ``net(x, noise, labels)``.

``x`` is N,C,H,W; ``noise`` is N, the conditioning value of the noise level (EDM's c_noise); ``labels`` is N
int64 or None. The output has the shape of ``x``.
"""
