-- What latent.fit minimises and net:evaluate tells: the loss, a variational
-- code's divergence, penalties. Options are declared here, once for both.
local core = require "latent.core.net"
local options = require "latent.options"
local sys = require "latent.core.sys"

local objective = { terms = core.terms }

-- Rows of the specs of latent.fit and net:evaluate.
objective.options = {
  { "loss", "string", choices = core.losses,
    help = "by default the output's: sigmoid bce, softmax multinomial, others mse, for sparse sets masked_mse" },
  { "huber_delta", "number", default = 1.0, above = 0, help = "huber: beyond it an error counts by its size" },
  { "beta", "number", min = 0, help = "of a variational code: weight of its divergence from N(0,1); by default 1" },
  { "penalty", "table", help = "what else the loss has: { l2 = 1e-4, sparsity = 0.1 }" },
}

local function define(owner)
  return options.define(owner, {
    { "l1", "number", default = 0.0, min = 0,
      help = "times the sum of all |w|; a tied weight counts once: double it for the penalty of the untied network" },
    { "l2", "number", default = 0.0, min = 0,
      help = "times the sum of all w^2; tied weights as in l1. d/2 is sgd's weight_decay d" },
    { "code_l1", "number", default = 0.0, min = 0, help = "times the code's sum of |h|, mean over examples" },
    { "sparsity", "number", default = 0.0, min = 0,
      help = "times the sum over the code's units of KL(sparsity_target || mean activation); of sigmoid codes" },
    { "sparsity_target", "number", default = 0.05, above = 0, below = 1, help = "the mean activation wanted" },
    { "contractive", "number", default = 0.0, min = 0,
      help = "times the squared Frobenius norm of the encoder's Jacobian, mean over examples" },
    { "contractive_probes", "integer", default = 1, min = 0, max = 65536,
      help = "of an encoder of several layers: random products that estimate it; 0: exact, one for each unit" },
    { "orthogonality", "number", default = 0.0, min = 0,
      help = "times the sum of |W W' - I|^2 over the encoder's weights" },
  })
end

local penalty_specs = {
  ["latent.fit"] = define "latent.fit: penalty",
  ["net:evaluate"] = define "net:evaluate: penalty",
}

local DEFAULT_LOSSES <const> = { sigmoid = "bce", softmax = "multinomial" }

-- The loss that goes with the network's output, and with sets of ratings.
function objective.default_loss(net, set)
  return DEFAULT_LOSSES[net.output_act] or (set.is_sparse and "masked_mse" or "mse")
end

-- The core's table, complete, from options that were read.
function objective.read(owner, net, set, o)
  if o.beta and not net.is_variational then
    sys.fail(("%s: beta is %s, but the network's code is not variational (latent.gaussian_code)"):format(owner,
      options.show(o.beta)))
  end
  local out = penalty_specs[owner]:read(o.penalty or {})
  out.loss = o.loss or objective.default_loss(net, set)
  out.huber_delta, out.beta = o.huber_delta, o.beta or 1.0
  return out
end

-- The loss alone, for a set that `loss` is defined for.
function objective.plain(owner, net, set, loss)
  return objective.read(owner, net, set, { loss = loss, huber_delta = 1.0 })
end

return objective
