-- run: the object that a script's run function gets.
--
-- It counts steps and epochs over all the fits of the run, so that a second
-- latent.fit goes on where the first ended. Files go to run.dir and are
-- recorded as artifacts. While on_epoch hears again what it did before a
-- process died (see bind/resume_int.h), files that it made then stay: the
-- network may be another by now.
local core = require "latent.core.run"
local options = require "latent.options"
local recall = require "latent.recall"
local sys = require "latent.core.sys"

local run = {}
local meta = options.register({ __name = "run" }, "run")
local state = setmetatable({}, { __mode = "k" }) -- object -> its counters

local methods, fields = {}, {}

function fields.id(self) return state[self].info.id end
function fields.name(self) return state[self].info.name end
function fields.dir(self) return state[self].info.dir end
function fields.seed(self) return state[self].info.seed end
function fields.step(self) return state[self].step end
function fields.epoch(self) return state[self].epoch end

local function check_run(self, what)
  options.expect(self, "run", what)
  return state[self]
end

-- run:log { epoch = 3, step = 100, ["probe.accuracy"] = 0.97 }
function methods:log(values)
  local s = check_run(self, "run:log")
  options.expect(values, "table", "run:log")
  local step, epoch, names = s.step, s.epoch, {}
  for name, value in pairs(values) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_.%-/]*$") then
      sys.fail(("run:log: found the name %s, wanted letters, digits, dots, - and _"):format(options.show(name)))
    elseif type(value) ~= "number" then
      sys.fail(("run:log: %s is %s, wanted a number"):format(name, options.show(value)))
    elseif name == "step" then
      step = math.tointeger(value) or sys.fail("run:log: step is no integer")
    elseif name == "epoch" then
      epoch = value
    else
      names[#names + 1] = name
    end
  end
  if #names == 0 then sys.fail("run:log: no metric, wanted run:log { [\"probe.accuracy\"] = 0.97 }") end
  table.sort(names)
  for _, name in ipairs(names) do core.metric(name, step, epoch, values[name]) end
end

-- A name of a file in the run's folder.
local function check_name(what, name)
  if type(name) ~= "string" or not name:find("^[%w_][%w_.%-]*$") or #name > 100 then
    sys.fail(("%s: name is %s, wanted letters, digits, dots, - and _"):format(what, options.show(name)))
  end
end

local SAVED <const> = { net = "network", preparation = "preparation" }

-- run:save("net", net), run:save("prep", prep): safetensors in the run's
-- folder, with the run's name and configuration in the metadata.
function methods:save(name, what)
  local s = check_run(self, "run:save")
  check_name("run:save", name)
  local kind = SAVED[options.type_of(what)]
  if not kind then sys.fail(("run:save: found %s, wanted a net or a preparation"):format(options.show(what))) end
  local path = ("%s/%s.safetensors"):format(s.info.dir, name)
  if core.is_replaying() then return path end
  what:save(path, { ["latent.run"] = s.info.name, ["latent.config"] = s.info.config })
  core.artifact(name, kind, path)
  return path
end

-- run:figure("reconstructions", figure): an SVG and its gnuplot script. A
-- figure that cannot be drawn (no gnuplot) is a note, not the run's end.
function methods:figure(name, figure)
  local s = check_run(self, "run:figure")
  check_name("run:figure", name)
  options.expect(figure, "table", "run:figure")
  local base = ("%s/%s"):format(s.info.dir, name)
  if core.is_replaying() then return sys.exists(base .. ".svg") and base .. ".svg" or nil end
  local ok, message = require "latent.core.plot".render(figure, { path = base .. ".svg" })
  if sys.exists(base .. ".gp") then core.artifact(name .. ".gp", "script", base .. ".gp") end
  if not ok then
    core.note(("figure %s: %s"):format(name, message))
    return nil
  end
  core.artifact(name, "figure", base .. ".svg")
  return base .. ".svg"
end

-- run:artifact(path [, name]): a file that the script made.
function methods:artifact(path, name)
  check_run(self, "run:artifact")
  options.expect(path, "string", "run:artifact")
  if core.is_replaying() then return end
  if not sys.exists(path) then sys.fail(("run:artifact: no file '%s'"):format(path)) end
  core.artifact(name or path:match("[^/]+$"), "file", path)
end

function methods:note(text)
  check_run(self, "run:note")
  options.expect(text, "string", "run:note")
  core.note(text)
end

function methods:tag(name)
  check_run(self, "run:tag")
  options.expect(name, "string", "run:tag")
  if name == "" then sys.fail("run:tag: the tag is empty") end
  core.tag(name)
end

meta.__index = options.index("run", methods, fields)
meta.__newindex = function(_, key)
  sys.fail(("run.%s: a run has no fields to set"):format(tostring(key)))
end
meta.__tostring = function(self) return "run " .. self.name end
meta.__metatable = false

-- The run being executed.
function run.current()
  recall.install()
  local self = setmetatable({}, meta)
  state[self] = { info = core.info(), step = 0, epoch = 0 }
  return self
end

-- For fit.lua: the counters go on.
function run.advance(self, step, epoch)
  state[self].step, state[self].epoch = step, epoch
end

function run.facts(facts)
  core.facts(facts)
end

-- A script's default seed: the run's, or 1 outside of a run.
function run.default_seed()
  local info = core.info()
  return info and info.seed or 1
end

return run
