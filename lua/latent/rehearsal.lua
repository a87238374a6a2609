-- rehearsal: the run function, a few times, before anything is queued.
--
-- The runs of the first config, and of those that bring a word or truth value
-- of their own (tie = "tyed"), are played with everything but work: data are
-- made, networks built and every option checked as always, but fit and
-- pretrain only look at a few examples, nothing is recorded, nothing drawn,
-- nothing written. The engine's faces (latent.core.*) are exchanged for ones
-- that do so; the modules above them do not know.
--
-- The verdict. A sweep is stopped by mistakes that no result can excuse: those
-- found by latent's own checks (options, names, shapes, knobs, data that are
-- not there) and by Lua itself (a nil called or indexed, wrong types in
-- arithmetic). What the script raises by error, assert or a library function
-- may depend on results that a rehearsal does not have: a warning. Where the
-- script reaches for the world outside (a file to write, a program, another
-- store) the rehearsal ends, content.
--
-- Losses in a rehearsal are those of the untrained network on a few examples:
-- finite, so that a script's comparisons go the usual way.
local boot = require "latent.boot"
local data_core = require "latent.core.data"
local net_core = require "latent.core.net"
local output = require "latent.output"
local plot_core = require "latent.core.plot"
local prepare_core = require "latent.core.prepare"
local probe_core = require "latent.core.probe"
local run_core = require "latent.core.run"
local sparse_core = require "latent.core.sparse"
local store_core = require "latent.core.store"
local sys = require "latent.core.sys"
local train_core = require "latent.core.train"

local rehearsal = {}

local FEW <const> = 10 -- examples
local MOST <const> = 16 -- configs

local function nothing() end

local function few(set)
  return set and data_core.view(set, 0, math.min(FEW, set.n))
end

local function trial(options)
  local out = {}
  for name, value in pairs(options) do out[name] = value end
  out.epochs, out.records = 0, false
  return out
end

-- ---- the work ----

local function replace_training()
  local fit <const>, pretrain <const>, evaluate <const> = train_core.fit, train_core.pretrain, net_core.evaluate
  function train_core.fit(net, train, test, o, on_epoch)
    local result = fit(net, few(train), few(test), trial(o), nothing)
    result.epoch = o.first_epoch + o.epochs
    if o.epochs > 0 then
      local report = { epoch = o.first_epoch + 1, step = result.step }
      for name, value in pairs(result) do
        if name:find("^t%a+%.") then report[name] = value end
      end
      on_epoch(report)
    end
    return result
  end
  function train_core.pretrain(net, train, test, o)
    return pretrain(net, few(train), few(test), trial(o))
  end
  function net_core.evaluate(net, set, ...) return evaluate(net, few(set), ...) end
  data_core.fingerprint = function() return ("0"):rep(64) end
  local baselines <const> = sparse_core.baselines
  function sparse_core.baselines(train, test, o) return baselines(few(train), few(test), o) end
end

-- Prepared sets have the right sizes, and zeros after the first few examples.
local function replace_preparing()
  local fit <const>, apply <const>, patches <const> = prepare_core.fit, prepare_core.apply, prepare_core.patches
  function prepare_core.fit(kind, set, o)
    o = trial(o)
    o.is_trial = true
    return fit(kind, few(set), o)
  end
  function prepare_core.apply(prep, set, is_inverse) return apply(prep, set, is_inverse, FEW) end
  function prepare_core.patches(set, o) return patches(set, o, FEW) end
end

-- Probes answer at once, with one half, whatever the codes are.
local function replace_probing()
  local encode <const>, units <const> = probe_core.encode, probe_core.units
  function probe_core.encode(net, set) return encode(net, few(set)) end
  function probe_core.units(codes, act, dead) return units(few(codes), act, dead) end
  function probe_core.knn(_, _, ks)
    local accuracies = {}
    for i = 1, #ks do accuracies[i] = 0.5 end
    return accuracies
  end
  function probe_core.linear()
    return { accuracy = 0.5, loss = 0.5, train_accuracy = 0.5, train_loss = 0.5, gradient = 0.0, iterations = 1,
      converged = true }
  end
  function probe_core.retrieval() return { n = { 1, 3, 7 }, precision = { 0.5, 0.5, 0.5 }, map = 0.5 } end
  function probe_core.pca(train, test) return { sse = 0.5, train_sse = 0.5, explained = 0.5 }, few(train), few(test) end
end

-- playing.seed is that of the config being played.
local function replace_records(playing)
  local load <const>, saved = net_core.load, {}
  for _, name in ipairs { "metric", "artifact", "note", "tag", "facts" } do run_core[name] = nothing end
  function run_core.is_replaying() return false end
  function run_core.info() return { id = 0, name = "rehearsal", dir = "rehearsal", seed = playing.seed } end
  function net_core.save(net, path) saved[path] = net end
  function net_core.load(path) return saved[path] or load(path) end
  local read <const> = prepare_core.read
  function prepare_core.write(path, bytes) saved[path] = bytes end
  function prepare_core.read(path) return saved[path] or read(path) end
  function plot_core.render(figure) return plot_core.script(figure) ~= nil end
  function sys.exists() return true end -- what would have been written
end

-- ---- the world outside ----

local LEAVES <const> = {
  os = { "execute", "exit", "remove", "rename", "tmpname" },
  io = { "popen", "tmpfile", "output" },
}

-- Returns a function that tells whether the script reached for it.
local function close_world()
  local open <const>, has_left = io.open, false
  local function leave()
    has_left = true
    error("this cannot be rehearsed", 0)
  end
  for library, names in pairs(LEAVES) do
    for _, name in ipairs(names) do _G[library][name] = leave end
  end
  function io.open(path, mode)
    return (type(mode) == "string" and mode:find("[wa+]") and leave or open)(path, mode)
  end
  store_core.open = leave
  return function() return has_left end
end

-- ---- the verdict ----

-- A message handler for xpcall: whether Lua or latent itself raised the error.
local function judge()
  local ours = { [require] = true }
  for name, module in pairs(package.loaded) do
    for _, value in pairs(name:find("^latent%.core%.") and module or {}) do ours[value] = true end
  end
  return function(message)
    local raiser = debug.getinfo(3, "Sf") -- 2 is boot's guard around handlers
    local text = type(message) == "table" and message.message or message
    return { text = tostring(text), is_mistake = raiser.what ~= "C" or ours[raiser.func] or false }
  end
end

-- The configs to play, with their places in the sweep. Numbers seldom hide a
-- mistake of their own.
local function choose(items)
  local seen, chosen = {}, {}
  for i, item in ipairs(items) do
    local is_new = i == 1
    for key, value in pairs(item.config) do
      local name = type(value) ~= "number" and ("%s=%s"):format(key, value)
      if name and not seen[name] then seen[name], is_new = true, true end
    end
    if is_new then chosen[#chosen + 1] = { at = i, seed = item.seed, json = item.json } end
    if #chosen == MOST then break end
  end
  return chosen
end

local NOTE <const> = "%s\n  (found by rehearsing config %d of %d; --no-rehearsal skips that)"

-- Loads the script at `path` in this state, which is then good for nothing
-- else, and plays some of its runs. Raises a mistake; returns a warning or nil.
function rehearsal.perform(path, sets, seeds)
  output.silence()
  local experiment = require "latent.experiment"
  local played = boot.load(sys.read(path), path)
  local items = experiment.expand(played, sets, seeds)
  local configs, playing = choose(items), {}
  boot.seal()
  local handler = judge()
  replace_training()
  replace_preparing()
  replace_probing()
  replace_records(playing)
  local has_left = close_world()
  local warning
  for _, config in ipairs(configs) do
    playing.seed = config.seed
    math.randomseed(config.seed)
    local ok, failure = xpcall(experiment.execute, handler, played, config.json, require "latent.run".current())
    if has_left() then return warning end
    if type(failure) == "string" then error(failure, 0) end -- no memory even for the handler
    if not ok and failure.is_mistake then error(NOTE:format(failure.text, config.at, #items), 0) end
    warning = warning or (not ok and failure.text or nil)
  end
  return warning
end

return rehearsal
