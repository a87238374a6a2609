-- latent: what an experiment script requires. Every public name is here; any
-- other is an error that suggests the nearest.
local boot = require "latent.boot"
local sys = require "latent.core.sys"

-- name -> module that has it, loaded when it is first used
local NAMES <const> = {
  experiment = { "latent.experiment", "new" },
  grid = { "latent.sweep", "grid" },
  random = { "latent.sweep", "random" },
  list = { "latent.sweep", "list" },
  uniform = { "latent.sweep", "uniform" },
  loguniform = { "latent.sweep", "loguniform" },
  choice = { "latent.sweep", "choice" },
  integers = { "latent.sweep", "integers" },
  dense = { "latent.layers", "dense" },
  conv = { "latent.layers", "conv" },
  conv_transpose = { "latent.layers", "conv_transpose" },
  maxpool = { "latent.layers", "maxpool" },
  avgpool = { "latent.layers", "avgpool" },
  upsample = { "latent.layers", "upsample" },
  flatten = { "latent.layers", "flatten" },
  reshape = { "latent.layers", "reshape" },
  batchnorm = { "latent.layers", "batchnorm" },
  dropout = { "latent.layers", "dropout" },
  noise = { "latent.layers", "noise" },
  k_sparse = { "latent.layers", "k_sparse" },
  gaussian_code = { "latent.layers", "gaussian_code" },
  sgd = { "latent.optimizers", "sgd" },
  adam = { "latent.optimizers", "adam" },
  autoencoder = { "latent.net", "autoencoder" },
  load = { "latent.net", "load" },
  fit = { "latent.fit", "fit" },
  pretrain = { "latent.fit", "pretrain" },
  divergence = { "latent.fit", "divergence" },
  probe = { "latent.probe", "probe" },
  data = { "latent.data" },
  prepare = { "latent.prepare" },
  plot = { "latent.plot" },
  store = { "latent.store" },
}

-- Named in the documents, to come in later versions.
local LATER <const> = { rmsprop = true, cg = true }

local latent = { version = sys.version }

return setmetatable(latent, {
  __index = function(self, name)
    local place = NAMES[name]
    if place then
      local value = require(place[1])
      if place[2] then value = value[place[2]] end
      rawset(self, name, value)
      return value
    end
    if LATER[name] then
      sys.fail(("latent.%s is not in this version (%s)"):format(name, sys.version))
    end
    local names = { "version" }
    for known in pairs(NAMES) do names[#names + 1] = known end
    table.sort(names)
    sys.fail(("latent.%s: no such name%s"):format(tostring(name), boot.hint(name, names):gsub("'(.*)'", "latent.%1")))
  end,
  __newindex = function(_, name)
    sys.fail(("latent.%s: the library's table cannot be changed"):format(tostring(name)))
  end,
  __metatable = false,
})
