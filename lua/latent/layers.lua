-- Layers, optimisers and what else a network or a fit is described by: checked
-- tables, nothing more.
local net = require "latent.core.net"
local options = require "latent.options"

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
    require "latent.core.sys".fail("latent.sgd: nesterov = true wants momentum above 0")
  end
  return o
end

function layers.adam(given)
  return optimizer("adam", adam_spec, given)
end

return layers
