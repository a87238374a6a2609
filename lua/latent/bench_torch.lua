-- The convolutional network of latent bench ("conv-100") as PyTorch trains it:
-- for the comparison in latent bench, when PyTorch is there.
--
-- The same data, batches, loss and optimiser, one thread, processor time. A
-- Python without PyTorch, or none, is an absence, not an error.
local bench = require "latent.core.bench"

local torch = {}

-- python3 -c STEP seconds -> version, milliseconds of a step in the best block.
local STEP <const> = [==[
import sys, time, torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(),
    nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
    nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1), nn.ReLU(),
    nn.ConvTranspose2d(16, 1, 3, 2, 1, output_padding=1))
adam = torch.optim.Adam(net.parameters())
loss = nn.BCEWithLogitsLoss(reduction="sum")
data = torch.randint(0, 256, (10000, 1, 28, 28), dtype=torch.uint8)
order = torch.randperm(10000)

def step(i):
    first = i % 100 * 100
    x = data[order[first:first + 100]].float() / 255
    adam.zero_grad()
    (loss(net(x), x) / 100).backward()
    adam.step()

best, began, i = float("inf"), None, 0
while began is None or time.monotonic() < began + float(sys.argv[1]):
    at = time.process_time()
    for _ in range(5):
        step(i)
        i += 1
    if began is None:
        began = time.monotonic()
    else:
        best = min(best, (time.process_time() - at) / 5)
print(torch.__version__, 1e3 * best)
]==]

-- $LATENT_PYTHON, or the system's own, then the path's: PyTorch from the
-- system's packages is not there for a newer python3 that stands first.
local function pythons()
  local chosen = os.getenv("LATENT_PYTHON")
  return chosen and { chosen } or { "/usr/bin/python3", "python3" }
end

-- The version and milliseconds of a step, measured for about `seconds`; nil
-- when no Python has PyTorch.
function torch.step(seconds)
  for _, python in ipairs(pythons()) do
    local out = bench.capture({ python, "-c", STEP, ("%g"):format(seconds) }, seconds + 120)
    local version, ms = (out or ""):match("^(%S+) (%S+)\n$")
    if tonumber(ms) then return version, tonumber(ms) end
  end
  return nil
end

return torch
