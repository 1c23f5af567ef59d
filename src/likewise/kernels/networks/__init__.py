"""Kernels of finite networks: of the gradients of any ``torch.nn.Module``, and of single layers.

Needs torch (extra ``torch``), which is imported where it is used.
"""
