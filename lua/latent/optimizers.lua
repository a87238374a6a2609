-- Optimisers, for latent.fit: checked tables, nothing more.
local options = require "latent.options"
local sys = require "latent.core.sys"

local optimizers = {}
local optimizer_meta = options.register({ __name = "optimizer" }, "optimizer")

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

function optimizers.sgd(given)
  local o = optimizer("sgd", sgd_spec, given)
  if o.nesterov and o.momentum == 0 then
    sys.fail("latent.sgd: nesterov = true wants momentum above 0")
  end
  return o
end

function optimizers.adam(given)
  return optimizer("adam", adam_spec, given)
end

return optimizers
