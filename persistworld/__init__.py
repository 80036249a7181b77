__version__ = "0.1.0"

from .core.torchvision_ops import declare_torchvision_ops

declare_torchvision_ops()
