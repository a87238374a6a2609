-- recall: what on_epoch was told of networks and sets, told again.
--
-- A run that goes on after its process has died calls on_epoch again for the
-- epochs that were trained by then (bind/resume_int.h), but the networks are
-- what they have become since. So the engine's functions that tell numbers of
-- them keep their answers while on_epoch runs, and give those when it runs
-- again: the script comes to the same conclusions. What is no plain value (a
-- set of codes) is computed again, and is of the later network; it can do no
-- harm, as every number that a script can draw from it comes from here too.
local core = require "latent.core.run"

local recall = {}

-- module -> functions whose answers depend on what may have changed.
local TELLS <const> = {
  net = "evaluate weight bias", probe = "knn linear retrieval units pca", recommend = "predict best",
  data = "row label fingerprint", sparse = "mean count baselines", prepare = "variances numbers",
}

local function is_plain(value)
  local kind = type(value)
  return kind ~= "userdata" and kind ~= "function" and kind ~= "thread"
end

-- Each result in a table of its own, as nil cannot stand in a list.
local function keep(...)
  local answer = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    answer[i] = is_plain(value) and { value = value } or { is_made = true }
  end
  core.remember(answer)
  return ...
end

local function tell(answer, f, ...)
  local out, made = {}, nil
  for i, item in ipairs(answer) do
    if item.is_made then made = made or table.pack(f(...)) end
    if item.is_made then out[i] = made[i] else out[i] = item.value end
  end
  return table.unpack(out, 1, #answer)
end

local function wrap(name, f)
  return function(...)
    local is_heard, answer = core.recall(name)
    if not is_heard then return f(...) end
    if answer then return tell(answer, f, ...) end
    return keep(f(...))
  end
end

local is_installed = false

-- Before a run is executed.
function recall.install()
  if is_installed then return end
  is_installed = true
  for module, names in pairs(TELLS) do
    local functions = require("latent.core." .. module)
    for name in names:gmatch("%a+") do functions[name] = wrap(module .. "." .. name, functions[name]) end
  end
end

return recall
