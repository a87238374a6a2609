-- Tests of latent.stats and latent.plot, with networks and sets of plain Lua.
package.preload["latent.core.sys"] = function()
  return { fail = function(message) error(message, 0) end, suggest = function() end, version = "test" }
end

local options = require "latent.options"
local plot = require "latent.plot"
local stats = require "latent.stats"

local failed = 0
local function check(what, found, wanted)
  if found ~= wanted then
    failed = failed + 1
    io.stderr:write(("FAILED %s\n  found  %s\n  wanted %s\n"):format(what, tostring(found), tostring(wanted)))
  end
end
local function near(what, found, wanted, relative)
  if not (found and math.abs(found - wanted) <= math.abs(wanted) * relative) then check(what, found, wanted) end
end
local function fails(what, pattern, f, ...)
  local ok, message = pcall(f, ...)
  check(what, not ok and tostring(message):find(pattern) ~= nil or tostring(message), true)
end

-- ---- statistics ----

-- Two-sided 95 % and one-sided 99.5 % points from printed tables of Student's t.
for df, wanted in pairs { [1] = 12.7062047362, [2] = 4.30265272991, [3] = 3.18244630528, [4] = 2.7764451052,
  [5] = 2.57058183661, [9] = 2.26215716285, [19] = 2.09302405441, [29] = 2.04522964213, [120] = 1.97993040505 } do
  near("t 0.975, df " .. df, stats.t_quantile(0.975, df), wanted, 1e-8)
end
near("t 0.995, df 7", stats.t_quantile(0.995, 7), 3.49948329735, 1e-8)
near("t towards the normal", stats.t_quantile(0.975, 1e7), 1.959964, 1e-6)
near("t below one half", stats.t_quantile(0.025, 4), -2.7764451052, 1e-8)
check("t at one half", stats.t_quantile(0.5, 3), 0.0)
-- Closed forms: Cauchy (df 1) and df 2.
for _, p in ipairs { 0.6, 0.9, 0.99, 0.9999 } do
  near("Cauchy", stats.t_quantile(p, 1), math.tan(math.pi * (p - 0.5)), 1e-8)
  near("df 2", stats.t_quantile(p, 2), (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p))), 1e-8)
end
-- I_x(a, b) has closed forms for b = 1 and a = 1.
for _, x in ipairs { 0.01, 0.3, 0.5, 0.77, 0.999 } do
  near("beta, b = 1", stats.incomplete_beta(3.5, 1, x), x ^ 3.5, 1e-9)
  near("beta, a = 1", stats.incomplete_beta(1, 6, x), 1 - (1 - x) ^ 6, 1e-9)
end
fails("p = 1", "wanted 0 < p < 1", stats.t_quantile, 1, 3)

local mean, sd, n = stats.summary { 2, 4, 4, 4, 5, 5, 7, 9, 0 / 0, math.huge }
near("mean", mean, 5, 1e-12)
near("sd", sd, math.sqrt(32 / 7), 1e-12)
check("finite values", n, 8)
check("nothing", stats.summary {}, nil)
local middle, half, count = stats.interval { 1, 2, 3 }
near("interval's middle", middle, 2, 1e-12)
near("interval's half", half, 4.30265272991 / math.sqrt(3), 1e-8)
check("interval's n", count, 3)
check("no interval of one", select(2, stats.interval { 7 }), nil)
-- One part in 10^15 above a large mean is not lost.
near("no cancellation", select(2, stats.summary { 1e9 + 1, 1e9 + 2, 1e9 + 3 }), 1, 1e-9)
near("median", stats.quantile({ 5, 1, 3, 0 / 0 }, 0.5), 3, 0)
near("quartile", stats.quantile({ 1, 2, 3, 4, 5 }, 0.25), 2, 1e-12)

local flat = stats.smooth({ 3, 3, 3, 3 }, 5)
near("smoothing keeps a constant from the first point", flat[1], 3, 1e-12)
near("and to the last", flat[4], 3, 1e-12)
local logs = stats.smooth({ 1, 100 }, 1, true)
near("window 1 keeps all", logs[2], 100, 1e-9)
local geometric = stats.smooth({ 1, 1e4, 1, 1e4, 1, 1e4 }, 50, true)
check("logs are averaged", geometric[6] > 50 and geometric[6] < 200, true)
local gap = stats.smooth({ 1, 0 / 0, 1 }, 3)
check("NaN stays", gap[2] ~= gap[2], true)
near("and does not spread", gap[3], 1, 1e-12)

-- ---- fakes ----

local set_meta, net_meta = {}, {}
set_meta.__index = {
  row = function(self, i) return self.values[i] end,
  label = function(self, i) return self.labels and self.labels[i] end,
  take = function(self, k)
    return setmetatable({ n = k, shape = self.shape, values = self.values, labels = self.labels }, set_meta)
  end,
}
options.register(set_meta, "set")
options.register(net_meta, "net")
local function set_of(values, shape, labels)
  return setmetatable({ n = #values, shape = shape, values = values, labels = labels }, set_meta)
end
local function net_of(t)
  t.encoder_layers = t.encoder_layers or 1
  if t.weight == true then t.weight = function() return t.w, t.units, t.inputs end end
  return setmetatable(t, net_meta)
end

-- ---- pictures ----

local originals = set_of({ { 0, 1, 1, 0 }, { 1, 0, 0, 1 }, { 0.5, 0.5, 0.5, 0.5 } }, { 1, 2, 2 })
local halver = net_of { reconstruct = function(_, set)
  local out = {}
  for i = 1, set.n do
    out[i] = {}
    for k, v in ipairs(set:row(i)) do out[i][k] = v / 2 end
  end
  return set_of(out, set.shape)
end }
local f = plot.reconstructions(halver, originals, { n = 2 })
local top, bottom = f.panels[1].tiles, f.panels[2].tiles
check("two rows of two", top.rows * 10 + top.cols, 22)
check("originals first", table.concat(top.values, " ", 1, 4), "0 1 1 0")
check("then reconstructions", table.concat(top.values, " ", 9, 12), "0.0 0.5 0.5 0.0")
check("black is 0", top.low, 0.0)
check("white is 1", top.high, 1.0)
check("error has its sign", bottom.values[2], -0.5)
check("error's scale", bottom.high, 0.5)
check("squared error", bottom.captions[1], "0.5")
check("not more than there are", plot.reconstructions(halver, originals, { n = 20 }).panels[1].tiles.cols, 3)
fails("too many", "from 1 to 20", plot.reconstructions, halver, originals, { n = 21 })
fails("no pictures", "shape 3 are no pictures", plot.reconstructions, halver, set_of({ { 1, 2, 3 } }, { 3 }), {})
fails("colour pictures", "3x2x2", plot.reconstructions, halver, set_of({ {} }, { 3, 2, 2 }), {})
fails("not a set", "wanted a set", plot.reconstructions, halver, 7, {})
check("a square number is a picture",
  plot.reconstructions(halver, set_of({ { 1, 2, 3, 4 } }, { 4 }), {}).panels[1].tiles.height, 2)

local weights = {}
for i = 1, 7 * 4 do weights[i] = i - 14 end
local seven = net_of { weight = true, w = weights, units = 7, inputs = 4, input = { 1, 2, 2 } }
local filters = plot.filters(seven, { n = 5 })
local tiles = filters.panels[1].tiles
check("filters in a square", tiles.rows .. "x" .. tiles.cols, "2x3")
check("as stored", table.concat(tiles.values, " ", 1, 5), "-13 -12 -11 -10 -9")
check("an empty place is blank", tiles.values[21] == 0 and tiles.values[24] == 0, true)
check("symmetric", tiles.low, -tiles.high)
check("says how many of all", filters.title, "layer 1 weights, 5 of 7 units")
local kernels = {}
for i = 1, 6 * 3 * 2 * 2 do kernels[i] = i end
local convolution = net_of { input = { 3, 9, 9 }, weight = function() return kernels, 6, 3, 2, 2 end }
local drawn = plot.filters(convolution, { layer = 3 })
tiles = drawn.panels[1].tiles
check("a row of kernels for each output", tiles.rows .. "x" .. tiles.cols, "6x3")
check("of their own size", tiles.height * 10 + tiles.width, 22)
check("kernels as stored", table.concat(tiles.values, " ", 13, 16), "13 14 15 16")
check("kernels by name", drawn.title, "layer 3 weights, 18 kernels")
check("of how many", plot.filters(convolution, { n = 4 }).title, "layer 1 weights, 4 of 18 kernels")
local behind = net_of { input = { 3, 9, 9 }, encoder_layers = 3, weight = function(_, layer)
  if layer == 1 then return nil end
  if layer == 2 then return { 1, 1, 1 }, 3 end
  return kernels, 6, 3, 2, 2
end }
check("the first layer with weights", plot.filters(behind).title, "layer 3 weights, 18 kernels")
fails("noise", "layer 1 has no weights to draw", plot.filters, behind, { layer = 1 })
fails("a normalisation", "layer 2 has no weights to draw", plot.filters, behind, { layer = 2 })
fails("a deep layer", "only a layer that sees the input",
  plot.filters, net_of { weight = true, w = weights, units = 4, inputs = 7, input = { 1, 2, 2 } }, {})

-- ---- codes ----

local encoder = net_of { code = { 2 }, encode = function(_, set)
  local out = {}
  for i = 1, set.n do out[i] = { i, -i } end
  return set_of(out, { 2 })
end }
local codes = plot.codes(encoder, set_of({ {}, {}, {} }, { 4 }, { 7, 3, 7 }), {})
local series = codes.panels[1].series
check("a class is a series", series[1].label .. series[2].label, "37")
check("its points", table.concat(series[2].x, " "), "1 3")
check("its name on the plot", series[3].mark .. series[3].label .. series[3].x[1], "text32.0")
check("no name upon another", #series, 3)
check("without labels one series", #plot.codes(encoder, set_of({ {}, {} }, { 4 }), {}).panels[1].series, 1)
fails("three code units", "has 3 units, wanted 2", plot.codes, net_of { code = { 3 } }, set_of({ {} }, { 4 }), {})

-- ---- curves ----

local curves = plot.curves {
  metric = "test.sse", log_y = true,
  curves = {
    { label = "tied", members = { { x = { 1, 2, 3 }, y = { 4, 2, 1 } }, { x = { 1, 2 }, y = { 6, 4 } },
      { x = { 1, 2 }, y = { 5, 0 / 0 } } } },
    { label = "alone", x = { 1, 2 }, y = { 3, 2 } },
  },
}
local s = curves.panels[1].series
check("a band under the mean", s[1].mark, "band")
near("the mean", s[2].y[1], 5, 1e-12)
near("the band", s[1].high[1], 5 + 4.30265272991 / math.sqrt(3), 1e-8)
near("the mean of those that are there", s[2].y[2], 3, 1e-12)
check("n in the key", s[2].label, "tied (n = 1 to 3)")
check("a run has no band", s[3].label .. #s, "alone3")
check("unit", curves.panels[1].y.label, "test sse (squared error per example)")
check("log axis", curves.panels[1].y.log, true)
check("minimum", plot.metric_label("min(test.sse)"), "min test sse (squared error per example)")
local timed = plot.curves { x = "time", curves = { { label = "a", members = {
  { x = { 1.0, 2.0 }, y = { 5, 3 } }, { x = { 1.5, 2.5, 9.0 }, y = { 7, 1, 0 } } } } } }.panels[1].series
check("times of a line's runs are averaged", table.concat(timed[2].x, " "), "1.25 2.25 9.0")
check("so that values meet", table.concat(timed[2].y, " "), "6.0 2.0 0.0")
local twice = plot.curves { curves = { { label = "a", members = {
  { x = { 1, 1 }, y = { 5, 3 } }, { x = { 1 }, y = { 7 } } } } } }.panels[1].series
check("a run counts once at an x", twice[2].label .. " " .. twice[2].y[1], "a (n = 2) 5.0")
local smooth = plot.curves { curves = { { label = "a", x = { 1, 2, 3 }, y = { 1, 5, 1 } } }, smooth = 3 }
check("raw is faint", smooth.panels[1].series[1].faint, true)
check("smooth has the name", smooth.panels[1].series[2].label, "a")
local many = {}
for i = 1, 30 do many[i] = { label = "run " .. i, x = { 1 }, y = { i } } end
local crowd, labelled = plot.curves { curves = many }.panels[1].series, {}
for _, c in ipairs(crowd) do labelled[#labelled + 1] = c.label end
check("a crowd is all drawn", #crowd, 30)
check("its key is short", labelled[#labelled], "run 12 ... and 18 more")
fails("a curve of nothing", "curves%[1%] has neither", plot.curves, { curves = { { label = "x" } } })
fails("unknown option", "unknown option 'curve'", plot.curves, { curve = {} })

-- ---- sweeps ----

local sweep = plot.sweep { metric = "test.sse", knob = "code", log_x = true, lines = {
  { label = "tied", points = { { x = 2, values = { 3, 5 } }, { x = 30, values = { 1, 1.5 } } } },
  { label = "untied", points = { { x = 6, values = { 2 } } } },
} }
check("numbers on an axis", sweep.panels[1].x.categories, nil)
check("its log", sweep.panels[1].x.log, true)
check("means", table.concat(sweep.panels[1].series[1].y, " "), "4.0 1.25")
check("n", sweep.panels[1].series[1].label, "tied (n = 2)")
check("one run, no bar", sweep.panels[1].series[2].low[1], 2.0)
local words = plot.sweep { lines = {
  { label = "a", points = { { x = "tied", values = { 1 } }, { x = "untied", values = { 2 } } } },
  { label = "b", points = { { x = "untied", values = { 3 } } } },
}, log_x = true }
check("words side by side", table.concat(words.panels[1].x.categories, " "), "tied untied")
check("a log of words is none", words.panels[1].x.log, false)
near("lines stand beside each other", words.panels[1].series[2].x[1], 1.07, 1e-9)

if failed > 0 then os.exit(1) end
print("all checks passed")
