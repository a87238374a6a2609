-- Layers that networks are described by: checked tables, nothing more. What
-- they do, and what undoes each, stands in src/net, one file a kind.
local boot = require "latent.boot"
local net = require "latent.core.net"
local options = require "latent.options"
local sys = require "latent.core.sys"

local layers = {}
local layer_meta = options.register({ __name = "layer" }, "layer")

local function layer(fields)
  return setmetatable(fields, layer_meta)
end

local dense_spec = options.define("latent.dense", {
  { 1, "integer", name = "units", required = true, min = 1, max = 1000000,
    help = "outputs, each of all inputs; pictures are taken as rows of numbers" },
  { "act", "string", choices = net.acts, default = "linear", help = "activation" },
})

function layers.dense(given)
  local o = dense_spec:read(given)
  return layer { kind = "dense", units = o[1], act = o.act }
end

local PAIR <const> = { "integer", "table" }
local SIZES <const> = "a whole number of at least %d, or two: { height, width }"

-- A whole number for both sides, or { height, width }.
local function pair(owner, name, value, least)
  local both = type(value) == "table" and value or { value, value }
  local height, width = math.tointeger(both[1]), math.tointeger(both[2])
  for key in pairs(both) do
    if key ~= 1 and key ~= 2 then height = nil end
  end
  if not (height and width and height >= least and width >= least and math.max(height, width) <= 65536) then
    sys.fail(("%s: %s is %s, wanted %s"):format(owner, name, options.show(value), SIZES:format(least)))
  end
  return { height, width }
end

local PAD_NAMES <const> = { same = true, valid = true }
local PADS <const> = "'same', 'valid', a whole number of pixels, or two: { height, width }"

-- The core's pad and pad_size.
local function read_pad(owner, pad)
  if type(pad) ~= "string" then return "size", pair(owner, "pad", pad, 0) end
  if not PAD_NAMES[pad] then
    sys.fail(("%s: pad is '%s'%s (known: same, valid, or a number of pixels)"):format(owner, pad,
      boot.hint(pad, { "same", "valid" })))
  end
  return pad, { 0, 0 }
end

-- ---- convolutions ----

local function conv_options(...)
  return {
    { 1, "integer", name = "channels", required = true, min = 1, max = 1000000, help = "outputs" },
    { "kernel", PAIR, required = true, wanted = SIZES:format(1), help = "its size" },
    { "stride", PAIR, default = 1, wanted = SIZES:format(1), help = "pixels from one window to the next" },
    { "pad", { "string", "integer", "table" }, default = "same", wanted = PADS,
      help = "what keeps the size at a stride of 1 (an odd pixel goes to the bottom and right), none, or so much" },
    { "dilation", PAIR, default = 1, wanted = SIZES:format(1), help = "pixels from one tap of the kernel to the next" },
    { "act", "string", choices = net.acts, default = "linear", help = "activation" },
    ...,
  }
end

local function convolution(kind, spec, given)
  local o, owner = spec:read(given), spec.owner
  local pad, pad_size = read_pad(owner, o.pad)
  return layer {
    kind = kind, channels = o[1], act = o.act, pad = pad, pad_size = pad_size,
    kernel = pair(owner, "kernel", o.kernel, 1), stride = pair(owner, "stride", o.stride, 1),
    dilation = pair(owner, "dilation", o.dilation, 1),
    size = o.size and pair(owner, "size", o.size, 1) or { 0, 0 },
  }
end

local conv_spec = options.define("latent.conv", conv_options())
local transpose_spec = options.define("latent.conv_transpose", conv_options {
  "size", PAIR, wanted = SIZES:format(1),
  help = "of its output, where several fit; by default stride times the input ('same'), or the smallest",
})

function layers.conv(given) return convolution("conv", conv_spec, given) end
function layers.conv_transpose(given) return convolution("conv_transpose", transpose_spec, given) end

-- ---- pools ----

local function pool_options(...)
  return {
    { 1, PAIR, name = "kernel", required = true, wanted = SIZES:format(1), help = "the windows' size" },
    { "stride", PAIR, wanted = SIZES:format(1),
      help = "pixels from one window to the next; by default the kernel: side by side" },
    { "pad", { "string", "integer", "table" }, default = "same", wanted = PADS,
      help = "so that every pixel is in a window, whole windows only, or pixels on each side, which never count" },
    ...,
  }
end

local function pool(kind, spec, given)
  local o, owner = spec:read(given), spec.owner
  local pad, pad_size = read_pad(owner, o.pad)
  return layer {
    kind = kind, kernel = pair(owner, "kernel", o[1], 1), pad = pad, pad_size = pad_size, unpool = o.unpool,
    stride = o.stride and pair(owner, "stride", o.stride, 1) or { 0, 0 },
  }
end

local maxpool_spec = options.define("latent.maxpool", pool_options())
local avgpool_spec = options.define("latent.avgpool", pool_options {
  "unpool", "string", choices = { "spread", "copy" }, default = "spread",
  help = "its mirror spreads a value evenly over the window (the adjoint), or copies it (nearest)",
})

function layers.maxpool(given) return pool("maxpool", maxpool_spec, given) end
function layers.avgpool(given) return pool("avgpool", avgpool_spec, given) end

local upsample_spec = options.define("latent.upsample", {
  { 1, PAIR, name = "factor", required = true, wanted = SIZES:format(1), help = "pixels for each" },
  { "mode", "string", choices = { "nearest", "bilinear" }, default = "nearest",
    help = "equal pixels, or ones between neighbours" },
})

function layers.upsample(given)
  local o = upsample_spec:read(given)
  return layer { kind = "upsample", factor = pair("latent.upsample", "factor", o[1], 1), interp = o.mode }
end

-- ---- shapes ----

local flatten_spec = options.define("latent.flatten", {})

function layers.flatten(given)
  flatten_spec:read(given or {})
  return layer { kind = "flatten" }
end

local size <const> = { min = 1, max = 1 << 26 }

local reshape_spec = options.define("latent.reshape", {
  { 1, "integer", name = "channels", required = true, min = size.min, max = size.max,
    help = "or, given alone, the numbers of a flat shape" },
  { 2, "integer", name = "height", min = size.min, max = size.max, help = "of the pictures" },
  { 3, "integer", name = "width", min = size.min, max = size.max, help = "of the pictures" },
})

function layers.reshape(given)
  local o = reshape_spec:read(given)
  if (o[2] == nil) ~= (o[3] == nil) then
    sys.fail("latent.reshape: two sizes, wanted { channels, height, width } or { numbers }")
  end
  return layer { kind = "reshape", shape = { o[1], o[2] or 0, o[3] or 0 } }
end

-- ---- normalisation, noise, sparse codes ----

local batchnorm_spec = options.define("latent.batchnorm", {
  { "momentum", "number", default = 0.1, min = 0, max = 1,
    help = "the new batch's share in the moving averages (as PyTorch counts; Keras names the old one's, 0.9)" },
  { "epsilon", "number", default = 1e-5, above = 0, help = "added to the variance" },
  { "act", "string", choices = net.acts, default = "linear", help = "activation, after it" },
})

function layers.batchnorm(given)
  local o = batchnorm_spec:read(given or {})
  return layer { kind = "batchnorm", momentum = o.momentum, epsilon = o.epsilon, act = o.act }
end

local dropout_spec = options.define("latent.dropout", {
  { 1, "number", name = "p", required = true, min = 0, below = 1,
    help = "share of the values that are 0, in training only; the others grow by 1 / (1 - p)" },
})

function layers.dropout(given)
  return layer { kind = "dropout", amount = dropout_spec:read(given)[1] }
end

local noise_spec = options.define("latent.noise", {
  { 1, "string", name = "kind", required = true, choices = { "gaussian", "masking", "salt_pepper" },
    help = "N(0, amount) is added, a share is 0, a share is 0 or 1; in training only, and the target stays clean" },
  { 2, "number", name = "amount", required = true, min = 0, help = "standard deviation of gaussian, else the share" },
})

function layers.noise(given)
  local o = noise_spec:read(given)
  if o[1] ~= "gaussian" and o[2] >= 1 then
    sys.fail(("latent.noise: amount is %s, wanted a share of at least 0 and below 1 for '%s'"):format(
      options.show(o[2]), o[1]))
  end
  return layer { kind = "noise", noise = o[1], amount = o[2] }
end

local k_sparse_spec = options.define("latent.k_sparse", {
  { 1, "integer", name = "k", required = true, min = 1, max = size.max,
    help = "how many of an example's activations stay, the largest; the others are 0, in evaluation too" },
})

function layers.k_sparse(given)
  return layer { kind = "k_sparse", units = k_sparse_spec:read(given)[1] }
end

local gaussian_code_spec = options.define("latent.gaussian_code", {
  { 1, "integer", name = "units", required = true, min = 1, max = 1000000,
    help = "of a variational code, the encoder's last layer: drawn in training, its mean when encoding" },
})

function layers.gaussian_code(given)
  return layer { kind = "gaussian_code", units = gaussian_code_spec:read(given)[1] }
end

return layers
