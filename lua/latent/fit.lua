-- latent.fit and latent.pretrain: options, the run's counters and facts, the
-- early-stopping rule. The work is the engine's.
local core = require "latent.core.train"
local data = require "latent.data"
local json = require "latent.core.json"
local objective = require "latent.objective"
local optimizers = require "latent.optimizers"
local options = require "latent.options"
local runs = require "latent.run"
local shapes = require "latent.shape"
local sys = require "latent.core.sys"

local fit = {}

local checkpoint <const> = { "checkpoint_seconds", "number", min = 0,
  help = "between checkpoints of the run, 0: one at every epoch's end; by default as often as it costs at most 1 %" }

local fit_options = {
  { "train", "set", required = true, help = "what to learn from" },
  { "test", "set", help = "evaluated after every epoch" },
  { "kl_warmup", "integer", default = 0, min = 0, max = 1000000,
    help = "of a variational code: epochs over which beta rises from 0, step by step" },
  { "optimizer", "optimizer", default = optimizers.adam, help = "latent.adam {}, latent.sgd {}" },
  { "epochs", "integer", default = 10, min = 0, max = 1000000, help = "0 evaluates only" },
  { "batch", "integer", default = 100, min = 1, max = 1000000, help = "examples a step" },
  { "refeed", "integer", default = 0, min = 0, max = 1000,
    help = "dense re-feeding: so many updates more a step, on the network's own output; of masked_mse and mse" },
  { "log_every", "integer", default = 0, min = 0, max = 1 << 30, help = "steps between values of step.loss; 0: never" },
  { "seed", "integer", default = runs.default_seed, help = "of the shuffling" },
  { "run", "run", help = "where metrics go" },
  checkpoint,
  { "on_epoch", "function", help = "function(epoch, metrics); returns \"stop\" to end" },
  { "stop", "table", help = "{ metric = \"test.loss\", patience = 5, min_delta = 0 }" },
}
for i, row in ipairs(objective.options) do table.insert(fit_options, 2 + i, row) end
local fit_spec = options.define("latent.fit", fit_options)

-- What an epoch tells: train.loss, test.loss, train.sse, ...
local METRICS <const> = {}
for _, term in ipairs(objective.terms) do
  for _, set in ipairs { "train", "test" } do METRICS[#METRICS + 1] = ("%s.%s"):format(set, term) end
end

local RISES <const> = { bound = true, active_units = true }

local stop_spec = options.define("latent.fit: stop", {
  { "metric", "string", choices = METRICS,
    wanted = "train. or test. and one of " .. table.concat(objective.terms, ", "),
    help = "watched; lower is better, but of bound and active_units" },
  { "patience", "integer", default = 5, min = 1, help = "epochs without improvement" },
  { "min_delta", "number", default = 0.0, min = 0, help = "what counts as one" },
})

local function check_set(owner, name, net, set)
  local wanted = shapes.elements(net.input)
  if set and set.elements ~= wanted then
    sys.fail(("%s: %s has examples of %s, the network takes %s"):format(owner, name,
      table.concat(set.shape, "x"), table.concat(net.input, "x")))
  end
end

-- A function of the epoch's metrics: true when `patience` is over.
local function stopping_rule(given, has_test)
  if not given then return function() return false end end
  local rule = stop_spec:read(given)
  local metric = rule.metric or (has_test and "test.loss" or "train.loss")
  if not has_test and metric:find("^test") then
    sys.fail(("latent.fit: stop: metric is '%s', but there is no test set"):format(metric))
  end
  local best, since = math.huge, 0
  local sign = RISES[metric:match("%.(.*)")] and -1 or 1
  return function(metrics)
    if not metrics[metric] then
      sys.fail(("latent.fit: stop: metric is '%s', which this fit does not tell"):format(metric))
    end
    local value = sign * metrics[metric]
    if value < best - rule.min_delta then
      best, since = value, 0
    else
      since = since + 1
    end
    return since >= rule.patience
  end
end

-- Returns a word that stands for the sets' values: a run that goes on with
-- other data is another run.
local function record_facts(net, train, test)
  local sets = { train = data.describe(train), test = test and data.describe(test) or nil }
  runs.facts { data = json.encode(sets), network = net:summary(), parameters = net:parameters() }
  return sets.train.sha256:sub(1, 12) .. (test and "/" .. sets.test.sha256:sub(1, 12) or "")
end

local function epoch_function(o)
  local is_over = stopping_rule(o.stop, o.test ~= nil)
  return function(report)
    local epoch, step = report.epoch, report.step
    report.epoch, report.step = nil, nil
    if o.run then runs.advance(o.run, step, epoch) end
    local answer = o.on_epoch and o.on_epoch(epoch, report)
    if answer ~= nil and answer ~= false and answer ~= "stop" then
      sys.fail(("latent.fit: on_epoch returned %s, wanted nothing or \"stop\""):format(options.show(answer)))
    end
    return is_over(report) or answer == "stop"
  end
end

-- latent.fit(net, {...}) -> { epoch =, step =, ["train.loss"] =, ..., seconds = }
function fit.fit(net, given)
  options.expect(net, "net", "latent.fit")
  local o = fit_spec:read(given)
  check_set("latent.fit", "train", net, o.train)
  check_set("latent.fit", "test", net, o.test)
  o.objective = objective.read("latent.fit", net, o.train, o)
  o.records = o.run ~= nil
  o.first_step, o.first_epoch = 0, 0
  if o.run then
    o.first_step, o.first_epoch = o.run.step, math.floor(o.run.epoch)
    o.data_word = record_facts(net, o.train, o.test)
  end
  local result = core.fit(net, o.train, o.test, o, epoch_function(o))
  if o.run then
    runs.advance(o.run, result.step, result.epoch)
    runs.facts { examples_per_second = result.examples_per_second }
  end
  return result
end

-- ---- pre-training ----

local METHODS <const> = { "rbm", "autoencoder", "denoising" }

local pretrain_spec = options.define("latent.pretrain", {
  { "method", "string", choices = METHODS, required = true, help = "how each layer learns" },
  { "data", "set", required = true, help = "what to learn from" },
  { "test", "set", help = "watched, never trained on" },
  { "epochs", "integer", default = 10, min = 0, max = 1000000, help = "a layer" },
  { "batch", "integer", default = 100, min = 1, max = 1000000, help = "examples a step" },
  { "rate", "number", above = 0, help = "by default the method's" },
  { "rate_linear", "number", above = 0, help = "rbm, linear hidden units: 0.001" },
  { "momentum", "number", min = 0, below = 1, help = "rbm, first epochs: 0.5" },
  { "final_momentum", "number", min = 0, below = 1, help = "rbm, then: 0.9" },
  { "momentum_switch", "integer", min = 0, max = 1000000, help = "rbm, epochs with the first: 5" },
  { "weight_cost", "number", min = 0, help = "rbm: 0.0002" },
  { "init_sd", "number", above = 0, help = "rbm, start of the weights: 0.1" },
  { "cd", "integer", min = 1, max = 1000, help = "rbm, Gibbs steps: 1" },
  { "visible", "string", choices = { "binary", "gaussian" }, default = "binary",
    help = "rbm, the first layer's visible units" },
  { "corruption", "number", min = 0, below = 1, help = "denoising, share of inputs set to 0: 0.25" },
  { "seed", "integer", default = runs.default_seed, help = "of start, order and samples" },
  { "run", "run", help = "where metrics go" },
  checkpoint,
})

-- latent.pretrain(net, {...})
function fit.pretrain(net, given)
  options.expect(net, "net", "latent.pretrain")
  local o = pretrain_spec:read(given)
  check_set("latent.pretrain", "data", net, o.data)
  check_set("latent.pretrain", "test", net, o.test)
  o.records = o.run ~= nil
  o.data_word = o.run and record_facts(net, o.data, o.test) or nil
  core.pretrain(net, o.data, o.test, o)
end

-- latent.divergence(message) -> { step =, layer =, what = } where `message`, which
-- a pcall of fit or pretrain caught, tells of the last divergence; else nil.
-- `layer` is nil when none is to blame.
function fit.divergence(message)
  if type(message) == "table" then message = rawget(message, "message") end
  return type(message) == "string" and core.divergence(message) or nil
end

fit.specs = { fit = fit_spec, pretrain = pretrain_spec, stop = stop_spec }

return fit
