"""Nets: modules only. A denoiser is called as ``net(x, noise, labels)``.

``x`` is N,C,H,W; ``noise`` is N, what stands for the noise level: ln σ / 4 in EDM, t/T in DDPM, both spanning
about one; ``labels`` is N int64 or None, and may be ``ImageSpec.classes`` itself where there is a null class. The
output has the shape of ``x``.
"""
