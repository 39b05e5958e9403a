"""The notes' showNet, as they have it, for their networks with a seed; and torchvision's DenseNet-121 as Python prints it."""
import io
import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import networks
from digest import report
from with_torchvision import torchvision


def show_model(model, inputs):
    for layer in model:
        if layer.__class__.__name__ == "Sequential":
            inputs = show_model(layer, inputs)
        else:
            inputs = layer(inputs)
            print(f"%20s output shape : {inputs.shape}" % (layer.__class__.__name__))
    return inputs


def show_net(model, input_size):
    inputs = torch.randn(input_size)
    inputs = show_model(model, inputs)
    print(inputs)


def shown(name, size):
    torch.manual_seed(3)
    model = networks.make(name)
    if not isinstance(model, nn.Sequential):
        model = nn.Sequential(*model.children())
    text = io.StringIO()
    with redirect_stdout(text):
        show_net(model, size)
    return text.getvalue().rstrip("\n")


cases = [each.split(":") for each in sys.argv[1:]]
result = {name: shown(name, (1, 1, int(side), int(side))) for name, side in cases}
result["densenet121"] = repr(torchvision.models.densenet121())
report(result)
