"""Halves of a split model as files that run without Keyhole: ``.pt2`` (``torch.export``) and ONNX."""
