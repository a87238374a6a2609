-- Layers, optimisers and what else a network or a fit is described by: checked
-- tables, nothing more.
local boot = require "latent.boot"
local net = require "latent.core.net"
local options = require "latent.options"
local sys = require "latent.core.sys"

local layers = {}
local layer_meta = options.register({ __name = "layer" }, "layer")
local optimizer_meta = options.register({ __name = "optimizer" }, "optimizer")

local dense_spec = options.define("latent.dense", {
  { 1, "integer", name = "units", required = true, min = 1, max = 1000000, help = "outputs" },
  { "act", "string", choices = net.acts, default = "linear", help = "activation" },
})

function layers.dense(given)
  local o = dense_spec:read(given)
  return setmetatable({ kind = "dense", units = o[1], act = o.act }, layer_meta)
end

-- A whole number for both sides, or { height, width }.
local function pair(owner, name, value, least)
  local both = type(value) == "table" and value or { value, value }
  local height, width = math.tointeger(both[1]), math.tointeger(both[2])
  for key in pairs(both) do
    if key ~= 1 and key ~= 2 then height = nil end
  end
  if not (height and width and height >= least and width >= least and math.max(height, width) <= 65536) then
    sys.fail(("%s: %s is %s, wanted a whole number of at least %d, or two: { height, width }"):format(owner, name,
      options.show(value), least))
  end
  return { height, width }
end

-- ---- convolutions ----

local PAIR <const> = { "integer", "table" }
local PAD_NAMES <const> = { same = true, valid = true }

local function conv_options(...)
  return {
    { 1, "integer", name = "channels", required = true, min = 1, max = 1000000, help = "outputs" },
    { "kernel", PAIR, required = true, help = "its size, or { height, width }; so are all sizes below" },
    { "stride", PAIR, default = 1, help = "pixels from one window to the next" },
    { "pad", { "string", "integer", "table" }, default = "same",
      help = "'same' (an odd pixel goes to the bottom and right), 'valid' (none), or pixels on each side" },
    { "dilation", PAIR, default = 1, help = "pixels from one tap of the kernel to the next" },
    { "act", "string", choices = net.acts, default = "linear", help = "activation" },
    ...,
  }
end

-- The core's pad and pad_size.
local function read_pad(owner, pad)
  if type(pad) ~= "string" then return "size", pair(owner, "pad", pad, 0) end
  if not PAD_NAMES[pad] then
    sys.fail(("%s: pad is '%s'%s (known: same, valid, or a number of pixels)"):format(owner, pad,
      boot.hint(pad, { "same", "valid" })))
  end
  return pad, { 0, 0 }
end

local function convolution(kind, spec, given)
  local o, owner = spec:read(given), spec.owner
  local pad, pad_size = read_pad(owner, o.pad)
  return setmetatable({
    kind = kind, channels = o[1], act = o.act, pad = pad, pad_size = pad_size,
    kernel = pair(owner, "kernel", o.kernel, 1), stride = pair(owner, "stride", o.stride, 1),
    dilation = pair(owner, "dilation", o.dilation, 1),
    size = o.size and pair(owner, "size", o.size, 1) or { 0, 0 },
  }, layer_meta)
end

local conv_spec = options.define("latent.conv", conv_options())
local transpose_spec = options.define("latent.conv_transpose", conv_options {
  "size", PAIR, help = "of its output, where several fit; by default stride times the input ('same'), or the smallest",
})

function layers.conv(given) return convolution("conv", conv_spec, given) end
function layers.conv_transpose(given) return convolution("conv_transpose", transpose_spec, given) end

-- ---- optimisers ----

local rate_help <const> = "step size"
local decay <const> = { "weight_decay", "number", default = 0.0, min = 0, help = "L2, on weights only" }

local sgd_spec = options.define("latent.sgd", {
  { "rate", "number", default = 0.01, above = 0, help = rate_help },
  { "momentum", "number", default = 0.0, min = 0, below = 1, help = "share of the velocity kept" },
  { "nesterov", "boolean", default = false, help = "wants momentum" },
  decay,
})

local adam_spec = options.define("latent.adam", {
  { "rate", "number", default = 0.001, above = 0, help = rate_help },
  { "beta1", "number", default = 0.9, min = 0, below = 1, help = "decay of the mean" },
  { "beta2", "number", default = 0.999, min = 0, below = 1, help = "decay of the mean square" },
  { "epsilon", "number", default = 1e-8, above = 0, help = "keeps the divisor from 0" },
  decay,
})

local function optimizer(kind, spec, given)
  local o = spec:read(given or {})
  o.kind = kind
  return setmetatable(o, optimizer_meta)
end

function layers.sgd(given)
  local o = optimizer("sgd", sgd_spec, given)
  if o.nesterov and o.momentum == 0 then
    sys.fail("latent.sgd: nesterov = true wants momentum above 0")
  end
  return o
end

function layers.adam(given)
  return optimizer("adam", adam_spec, given)
end

return layers
