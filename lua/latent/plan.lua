-- plan: what `latent run` stores for an experiment, and how --dry-run shows it.
local boot = require "latent.boot"
local json = require "latent.core.json"
local experiment = require "latent.experiment"
local sys = require "latent.core.sys"
local tables = require "latent.table"

local plan = {}

-- Everything that script_plan.c puts into the store; `limits` is a text or nil.
-- A sandboxed script's folder may be a stranger's: git, which its configuration
-- can make run programs, is not asked about it.
function plan.make(e, sets, seeds, limits)
  local p = experiment.describe(e)
  p.items = experiment.expand(e, sets, seeds)
  p.sources = { table.unpack(boot.sources()) }
  if limits then p.sources[#p.sources + 1] = { path = "latent.limits", text = limits } end
  if not boot.is_sandboxed() then p.commit, p.diff = sys.git(boot.folder()) end
  return p
end

-- Knobs with another value than the default's anywhere, in order; the seed
-- always.
local function differing(items, defaults)
  local knobs = {}
  for knob, value in pairs(defaults) do
    local differs = knob == "seed"
    for _, item in ipairs(items) do
      if item.config[knob] ~= value then differs = true end
    end
    if differs then knobs[#knobs + 1] = knob end
  end
  table.sort(knobs)
  return knobs
end

-- Prints the configs; items marked `done` would be left out.
function plan.print(p)
  local columns, rows, skipped = {}, {}, 0
  for i, knob in ipairs(differing(p.items, json.decode(p.defaults))) do columns[i] = { knob, exact = true } end
  for _, item in ipairs(p.items) do
    if item.done then
      skipped = skipped + 1
    else
      rows[#rows + 1] = item.config
    end
  end
  if #rows > 0 then tables.write({ columns = columns, rows = rows }, { format = "table" }) end
  print(("%d run%s of %s%s; nothing was stored"):format(#rows, #rows == 1 and "" or "s", p.name,
    skipped > 0 and (", %d already finished"):format(skipped) or ""))
end

return plan
