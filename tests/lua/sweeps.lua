-- Sweeps: what they expand to. Run by tests/test_script.c.
local latent = require "latent"

local function rows(sweep, ...)
  local out = {}
  for i, config in ipairs(sweep.configs) do
    local cells = {}
    for j, name in ipairs { ... } do cells[j] = tostring(config[name]) end
    out[i] = table.concat(cells, " ")
  end
  return table.concat(out, ", ")
end

local function equal(found, wanted)
  if found ~= wanted then error(("found  %s\nwanted %s"):format(found, wanted), 2) end
end

-- A grid: axes by name, values as given, the last axis fastest.
equal(rows(latent.grid { b = { 2, 1 }, a = { "x", "y" } }, "a", "b"), "x 2, x 1, y 2, y 1")
equal(#latent.grid {}, 1)

-- A list stays as it is.
equal(rows(latent.list { { a = 2 }, { a = 1, b = 3 } }, "a", "b"), "2 nil, 1 3")

-- Product and concatenation.
local a, b = latent.grid { a = { 1, 2 } }, latent.grid { b = { 3, 4 } }
equal(rows(a * b, "a", "b"), "1 3, 1 4, 2 3, 2 4")
equal(rows(a + b, "a", "b"), "1 nil, 2 nil, nil 3, nil 4")
equal(#((a + b) * latent.grid { seed = { 1, 2, 3 } }), 12)

-- A random sweep is the same whenever it is made, within its bounds, and its
-- axes are drawn in the order of their names.
local function random(seed)
  return latent.random {
    n = 50, seed = seed, u = latent.uniform(-1, 1), l = latent.loguniform(1e-4, 1e-1),
    c = latent.choice { "p", "q" }, i = latent.integers(3, 5),
  }
end
equal(rows(random(1), "u", "l", "c", "i"), rows(random(1), "u", "l", "c", "i"))
assert(rows(random(1), "u") ~= rows(random(2), "u"))
local seen, small = {}, 0
for _, config in ipairs(random(1).configs) do
  assert(config.u >= -1 and config.u < 1 and config.l >= 1e-4 and config.l <= 1e-1)
  assert(math.type(config.i) == "integer" and config.i >= 3 and config.i <= 5)
  seen[config.i], seen[config.c] = true, true
  if config.l < 10 ^ -2.5 then small = small + 1 end
end
assert(seen[3] and seen[4] and seen[5] and seen.p and seen.q)
assert(small > 10 and small < 40, "log-uniform: half of the draws lie below the middle of the decades")

-- Duplicates are dropped, also between an integer and the same real number.
local experiment = require "latent.experiment"
local e = latent.experiment {
  name = "sweeps", config = { rate = 1.0, tie = "a", seed = 1 },
  sweep = latent.list { { rate = 1 }, { rate = 1.0 }, { tie = "a" }, { rate = 2 }, {} },
  run = function() end,
}
local items = experiment.expand(e)
equal(#items, 2)
equal(items[1].json, '{"rate":1.0,"seed":1,"tie":"a"}')
equal(items[2].json, '{"rate":2.0,"seed":1,"tie":"a"}')

-- The hash leaves out the seed and nothing else.
local seeds = experiment.expand(e, { "rate=1" }, 2)
equal(#seeds, 2)
equal(seeds[1].hash, seeds[2].hash)
assert(items[1].hash ~= items[2].hash)

return e
