-- latent.plot: the figures of autoencoder work, as plain tables.
--
-- Each function returns a figure (see bind_plot.c for its fields) that
-- run:figure saves with the run, latent.plot.save writes to a file, and a
-- script may change before that. Nothing is drawn here.
--
--   latent.plot.reconstructions(net, set, { n = 10 })
--   latent.plot.filters(net, { n = 100, layer = 1 })
--   latent.plot.codes(net, set, { n = 5000 })
--   latent.plot.retrieval(result of latent.probe)
--   latent.plot.curves { metric = "test.sse", curves = { { label =, x =, y = },
--                        { label =, members = { { x =, y = }, ... } } } }
--   latent.plot.sweep { metric = "test.sse", knob = "code", lines = {
--                       { label =, points = { { x = 2, values = { ... } } } } } }
--
-- A curve with several members, and a point of several values, are drawn as
-- the mean with its 95 % confidence interval (Student's t); n is in the key.
local options = require "latent.options"
local stats = require "latent.stats"
local shapes = require "latent.shape"
local sys = require "latent.core.sys"

local plot = {}

local MAX_KEY <const> = 12 -- entries of a key that can still be read
local floor <const> = math.floor

-- ---- words ----

local UNITS <const> = {
  sse = "squared error per example", mse = "squared error per element", bce = "nats per example",
  accuracy = "share of examples", rate = "step size", free_energy_gap = "nats",
  free_energy_contrast = "nats", recon = "squared error per example", seconds = "s",
  retrieval = "precision",
}

-- "test.sse" -> "test sse (squared error per example)"
function plot.metric_label(name)
  local reducer, inner = name:match("^(%a+)%((.+)%)$")
  local metric = inner or name
  local last = metric:match("([^.]+)$")
  local words = metric:gsub("%.", " "):gsub("_", " ")
  if reducer and reducer ~= "last" then words = ("%s %s"):format(reducer, words) end
  local unit = UNITS[last]
  return unit and ("%s (%s)"):format(words, unit) or words
end

local AXES <const> = { epoch = "epoch", step = "step", time = "time (s)" }

-- "train" or "test" when the set's recipe says so.
local function part_of(set)
  local recipe = set.recipe
  while type(recipe) == "table" and recipe.of do recipe = recipe.of end
  local part = type(recipe) == "table" and recipe.part
  return part and part .. " examples" or "examples"
end

-- ---- pictures ----

-- Height and width of an example as a picture.
local function picture_size(owner, shape)
  local channels, height, width = 1, shape[1], nil
  if #shape == 3 then
    channels, height, width = shape[1], shape[2], shape[3]
  elseif #shape == 2 then
    height, width = shape[1], shape[2]
  else
    local side = floor(math.sqrt(height) + 0.5)
    if side * side == height then height, width = side, side end
  end
  if channels ~= 1 or not width then
    sys.fail(("%s: examples of shape %s are no pictures; wanted {1, height, width}, or a square number of elements")
      :format(owner, table.concat(shape, "x")))
  end
  return height, width
end

-- A number a little above x that reads well: 1, 1.5, 2, 3, 5, 8 times 10^k.
local function nice_above(x)
  if not (x > 0) then return 1.0 end
  local power = 10.0 ^ floor(math.log(x, 10))
  for _, m in ipairs { 1, 1.5, 2, 3, 5, 8, 10 } do
    if x <= m * power * (1 + 1e-12) then return m * power end
  end
  return 10 * power
end

local function append(out, list)
  table.move(list, 1, #list, #out + 1, out)
end

local function largest(values)
  local most = 0.0
  for _, v in ipairs(values) do
    if stats.is_finite(v) then most = math.max(most, math.abs(v)) end
  end
  return most
end

-- The values drawn black and white: 0 and 1 for data in [0, 1].
local function grey_range(values)
  local low, high = math.huge, -math.huge
  for _, v in ipairs(values) do
    if stats.is_finite(v) then low, high = math.min(low, v), math.max(high, v) end
  end
  if low >= 0 and high <= 1 then return 0.0, 1.0 end
  if not (low < high) then return 0.0, 1.0 end
  return low, high
end

local function short(x)
  if not stats.is_finite(x) then return "?" end
  return (x < 99.95 and x >= 0.0995 and "%.1f" or x == 0 and "%.0f" or x >= 99.95 and "%.0f" or "%.2g"):format(x)
end

local reconstructions_spec = options.define("latent.plot.reconstructions", {
  { "n", "integer", default = 10, min = 1, max = 20, help = "how many examples" },
  { "first", "integer", default = 1, min = 1, help = "the first one" },
  { "title", "string", help = "of the figure" },
})

-- Originals, reconstructions and errors, one column an example.
function plot.reconstructions(net, set, given)
  local owner <const> = "latent.plot.reconstructions"
  options.expect(net, "net", owner)
  options.expect(set, "set", owner)
  local o = reconstructions_spec:read(given or {})
  if o.first > set.n then sys.fail(("%s: first is %d, the set has %d examples"):format(owner, o.first, set.n)) end
  local height, width = picture_size(owner, set.shape)
  local last = math.min(o.first + o.n - 1, set.n)
  local output = net:reconstruct(set:take(last))
  local originals, outputs, errors, captions = {}, {}, {}, {}
  for i = o.first, last do
    local x, y, sse = set:row(i), output:row(i), 0.0
    local e = {}
    for k = 1, #x do
      e[k] = y[k] - x[k]
      sse = sse + e[k] * e[k]
    end
    append(originals, x)
    append(outputs, y)
    append(errors, e)
    captions[#captions + 1] = short(sse)
  end
  local n = last - o.first + 1
  local low, high = grey_range(originals)
  local scale = nice_above(largest(errors))
  append(originals, outputs)
  local size = { cols = n, height = height, width = width }
  local function tiles(t)
    for key, value in pairs(size) do t[key] = value end
    return { tiles = t }
  end
  return {
    title = o.title or ("reconstructions of %s, squared error below"):format(part_of(set)),
    width = math.max(4.6, math.min(9, 1.8 + 0.3 * n)),
    panels = {
      tiles { rows = 2, values = originals, low = low, high = high, row_labels = { "original", "reconstruction" } },
      tiles { rows = 1, values = errors, low = -scale, high = scale, diverging = true, row_labels = { "error" },
        captions = captions },
    },
  }
end

local filters_spec = options.define("latent.plot.filters", {
  { "n", "integer", min = 1, max = 1000, help = "how many units; all, at most 100, by default" },
  { "layer", "integer", min = 1, help = "by default the first with weights, past noise and pools" },
  { "cols", "integer", min = 1, max = 50, help = "pictures in a row" },
  { "title", "string", help = "of the figure" },
})

local function first_weighted(net)
  for i = 1, net.encoder_layers do
    local _, _, inputs = net:weight(i)
    if inputs then return i end
  end
  return 1
end

-- A layer's weights as pictures: { values =, n =, height =, width = }, one for
-- each unit that sees the input, or for each kernel of a convolution.
local function weight_pictures(owner, net, layer)
  local weights, units, inputs, height, width = net:weight(layer)
  if height then
    return { values = weights, n = units * inputs, height = height, width = width, kernels_of = inputs }
  end
  if not inputs then sys.fail(("%s: layer %d has no weights to draw"):format(owner, layer)) end
  local shape = net.input
  local elements = shapes.elements(shape)
  if inputs ~= elements then
    sys.fail(("%s: layer %d sees %d numbers, the network's input has %d; only a layer that sees the input can be drawn")
      :format(owner, layer, inputs, elements))
  end
  height, width = picture_size(owner, shape)
  return { values = weights, n = units, height = height, width = width }
end

-- A layer's weights, a picture for each unit in their stored order, all on one
-- scale that is symmetric about 0 and cuts the largest half per cent. A
-- convolution over several channels has one row of kernels for each output.
function plot.filters(net, given)
  local owner <const> = "latent.plot.filters"
  options.expect(net, "net", owner)
  local o = filters_spec:read(given or {})
  local layer = o.layer or first_weighted(net)
  local p = weight_pictures(owner, net, layer)
  local per_row = p.kernels_of and p.kernels_of > 1 and math.min(p.kernels_of, 50)
  local n = math.min(o.n or (per_row and math.max(100 // per_row, 1) * per_row or 100), p.n)
  local cols = math.min(o.cols or per_row or (n >= 50 and 10 or math.ceil(math.sqrt(n))), n)
  local rows, area = (n + cols - 1) // cols, p.height * p.width
  local values, sizes = {}, {}
  for i = 1, rows * cols * area do
    local w = i <= n * area and p.values[i] or 0.0
    values[i] = w
    if i <= n * area then sizes[i] = math.abs(w) end
  end
  local scale = nice_above(stats.quantile(sizes, 0.995) or 1)
  return {
    title = o.title or ("layer %d weights, %s %s"):format(layer, n < p.n and ("%d of %d"):format(n, p.n) or n,
      p.kernels_of and "kernels" or "units"),
    width = math.max(3.0, math.min(4.6, 0.8 + 0.42 * cols)),
    panels = { { tiles = { rows = rows, cols = cols, height = p.height, width = p.width, values = values,
      low = -scale, high = scale, diverging = true } } },
  }
end

-- ---- codes ----

local codes_spec = options.define("latent.plot.codes", {
  { "n", "integer", default = 5000, min = 1, max = 100000, help = "how many examples, from the first" },
  { "title", "string", help = "of the figure" },
})

-- Points by label, labels in order; one nameless class without labels.
local function classes_of(codes, set, n)
  local classes, order = {}, {}
  for i = 1, n do
    local label = set:label(i)
    local key = label == nil and "" or label
    local class = classes[key]
    if not class then
      class = { key = key, x = {}, y = {} }
      classes[key] = class
      order[#order + 1] = class
    end
    local row = codes:row(i)
    class.x[#class.x + 1], class.y[#class.y + 1] = row[1], row[2]
  end
  table.sort(order, function(a, b)
    if type(a.key) == type(b.key) then return a.key < b.key end
    return tostring(a.key) < tostring(b.key)
  end)
  return order
end

-- Width of the range of all classes' values of one field.
local function span_of(order, field)
  local low, high = math.huge, -math.huge
  for _, class in ipairs(order) do
    for _, v in ipairs(class[field]) do
      if stats.is_finite(v) then low, high = math.min(low, v), math.max(high, v) end
    end
  end
  return high - low
end

-- Each class's name at its median, but not upon another's name.
local function class_names(order)
  local names, width, height = {}, span_of(order, "x"), span_of(order, "y")
  for _, class in ipairs(order) do
    local x, y = stats.quantile(class.x, 0.5), stats.quantile(class.y, 0.5)
    local is_free = x ~= nil
    for _, other in ipairs(names) do
      is_free = is_free and (math.abs(other.x[1] - x) > 0.045 * width or math.abs(other.y[1] - y) > 0.055 * height)
    end
    if is_free then names[#names + 1] = { mark = "text", label = tostring(class.key), x = { x }, y = { y } } end
  end
  return names
end

-- A network with two code units: where its code puts the examples.
function plot.codes(net, set, given)
  local owner <const> = "latent.plot.codes"
  options.expect(net, "net", owner)
  options.expect(set, "set", owner)
  local o = codes_spec:read(given or {})
  local n = math.min(o.n, set.n)
  local units = shapes.elements(net.code)
  if units ~= 2 then
    sys.fail(("%s: the network's code has %d units, wanted 2"):format(owner, units))
  end
  local order = classes_of(net:encode(set:take(n)), set, n)
  local series, is_labelled = {}, order[1].key ~= ""
  for i, class in ipairs(order) do
    series[i] = { mark = "points", color = i, label = is_labelled and tostring(class.key) or nil,
      x = class.x, y = class.y }
  end
  if is_labelled and #order <= MAX_KEY then append(series, class_names(order)) end
  return {
    title = o.title or ("codes of %d %s%s"):format(n, part_of(set), is_labelled and " by class" or ""),
    height = 4.0,
    panels = { { x = { label = "code unit 1" }, y = { label = "code unit 2" }, series = series } },
  }
end

-- ---- curves ----

-- " (n = 5)", " (n = 3 to 5)"
local function n_text(least, most)
  if least == most then return (" (n = %d)"):format(most) end
  return (" (n = %d to %d)"):format(least, most)
end

-- Runs log at times of their own: the k-th values of all stand at their mean time.
local function align_times(members)
  local aligned, k, times = {}, 0, nil
  for i, member in ipairs(members) do aligned[i] = { x = {}, y = member.y } end
  repeat
    k, times = k + 1, {}
    for _, member in ipairs(members) do times[#times + 1] = member.x[k] end
    local mean = stats.summary(times)
    for i, member in ipairs(members) do aligned[i].x[k] = member.x[k] and mean end
  until #times == 0
  return aligned
end

-- Mean and interval of the members at every x that any of them has. A member
-- counts once at an x, with its last value there.
local function combine(members)
  local at, xs = {}, {}
  for m, member in ipairs(members) do
    for i, x in ipairs(member.x) do
      if not at[x] then
        at[x] = {}
        xs[#xs + 1] = x
      end
      at[x][m] = member.y[i]
    end
  end
  for _, x in ipairs(xs) do
    local values = {}
    for m = 1, #members do values[#values + 1] = at[x][m] end
    at[x] = values
  end
  table.sort(xs)
  local c = { x = {}, mean = {}, low = {}, high = {}, least = math.huge, most = 0 }
  for _, x in ipairs(xs) do
    local mean, half, n = stats.interval(at[x])
    if n > 0 then
      local k = #c.x + 1
      c.x[k], c.mean[k] = x, mean
      c.low[k], c.high[k] = mean - (half or 0), mean + (half or 0)
      c.least, c.most = math.min(c.least, n), math.max(c.most, n)
    end
  end
  if c.most == 0 then c.least = 0 end
  return c
end

local function smoothed(member, o)
  if not o.smooth or o.smooth < 2 then return member end
  return { x = member.x, y = stats.smooth(member.y, o.smooth, o.log_y) }
end

local function add_group(series, curve, i, o)
  local members = {}
  for k, member in ipairs(curve.members) do members[k] = smoothed(member, o) end
  local c = combine(o.x == "time" and align_times(members) or members)
  if c.most > 1 then
    series[#series + 1] = { mark = "band", color = i, x = c.x, low = c.low, high = c.high }
  end
  series[#series + 1] = { color = i, dash = i, x = c.x, y = c.mean,
    label = i <= MAX_KEY and (curve.label or "mean") .. n_text(c.least, c.most) or nil }
  return c.most
end

local function add_single(series, curve, i, o)
  if o.smooth and o.smooth >= 2 then
    series[#series + 1] = { color = i, faint = true, x = curve.x, y = curve.y }
    curve = { label = curve.label, x = curve.x, y = stats.smooth(curve.y, o.smooth, o.log_y) }
  end
  series[#series + 1] = { color = i, dash = i, x = curve.x, y = curve.y, label = i <= MAX_KEY and curve.label or nil }
end

-- The key's last entry says how many have none.
local function note_missing(series, n)
  if n <= MAX_KEY then return end
  for i = #series, 1, -1 do
    if series[i].label then
      series[i].label = ("%s ... and %d more"):format(series[i].label, n - MAX_KEY)
      return
    end
  end
end

local curves_spec = options.define("latent.plot.curves", {
  { "curves", "table", required = true, help = "a list of { label =, x =, y = } or { label =, members = {...} }" },
  { "metric", "string", default = "value", help = "names the y axis" },
  { "x", "string", default = "epoch", help = "epoch, step, time, or the x axis' label" },
  { "log_x", "boolean", default = false },
  { "log_y", "boolean", default = false },
  { "smooth", "integer", min = 0, help = "points of a moving average" },
  { "title", "string", help = "of the figure" },
})

-- Curves over training; the list of curves is checked where it is drawn.
function plot.curves(given)
  local o = curves_spec:read(given)
  local series = {}
  for i, curve in ipairs(o.curves) do
    options.expect(curve, "table", "latent.plot.curves: curves[" .. i .. "]")
    if curve.members then
      add_group(series, curve, i, o)
    elseif curve.x and curve.y then
      add_single(series, curve, i, o)
    else
      sys.fail(("latent.plot.curves: curves[%d] has neither x and y nor members"):format(i))
    end
  end
  note_missing(series, #o.curves)
  return {
    title = o.title,
    panels = { {
      x = { label = AXES[o.x] or o.x, log = o.log_x },
      y = { label = plot.metric_label(o.metric), log = o.log_y },
      series = series,
    } },
  }
end

-- ---- sweeps ----

-- All x of the lines in order, and whether they are numbers.
local function sweep_places(lines)
  local seen, places, is_number = {}, {}, true
  for _, line in ipairs(lines) do
    for _, point in ipairs(line.points) do
      is_number = is_number and type(point.x) == "number"
      if not seen[point.x] then
        seen[point.x] = true
        places[#places + 1] = point.x
      end
    end
  end
  if is_number then table.sort(places) end
  return places, is_number
end

local function sweep_series(line, i, n_lines, place)
  local s = { mark = "bars", color = i, dash = i, label = line.label, x = {}, y = {}, low = {}, high = {} }
  local least, most = math.huge, 0
  for _, point in ipairs(line.points) do
    local mean, half, n = stats.interval(point.values)
    if n > 0 then
      local k = #s.x + 1
      s.x[k] = place(point.x, i, n_lines)
      s.y[k], s.low[k], s.high[k] = mean, mean - (half or 0), mean + (half or 0)
      least, most = math.min(least, n), math.max(most, n)
    end
  end
  if most == 0 then least = 0 end
  if most > 1 and s.label then s.label = s.label .. n_text(least, most) end
  return s, least, most
end

local sweep_spec = options.define("latent.plot.sweep", {
  { "lines", "table", required = true, help = "a list of { label =, points = { { x =, values = {...} }, ... } }" },
  { "metric", "string", default = "value", help = "names the y axis" },
  { "knob", "string", default = "", help = "names the x axis" },
  { "log_x", "boolean", default = false },
  { "log_y", "boolean", default = false },
  { "title", "string", help = "of the figure" },
})

-- A metric against a knob. A knob of words gives places side by side.
function plot.sweep(given)
  local o = sweep_spec:read(given)
  local places, is_number = sweep_places(o.lines)
  local index, names, series = {}, {}, {}
  for k, x in ipairs(places) do
    index[x] = k - 1
    names[k] = tostring(x)
  end
  local function place(x, i, n)
    if is_number then return x end
    return index[x] + (n > 1 and (i - (n + 1) / 2) * math.min(0.14, 0.6 / n) or 0)
  end
  for i, line in ipairs(o.lines) do
    series[i] = sweep_series(line, i, #o.lines, place)
    if i > MAX_KEY then series[i].label = nil end
  end
  note_missing(series, #o.lines)
  return {
    title = o.title,
    panels = { {
      x = { label = o.knob, log = is_number and o.log_x, categories = not is_number and names or nil },
      y = { label = plot.metric_label(o.metric), log = o.log_y },
      series = series,
    } },
  }
end

plot.retrieval = require "latent.plot_retrieval"

-- ---- drawing ----

-- Writes a figure to an .svg, .png or .pdf file, its script beside it; nil and
-- a message when it cannot be drawn. What is heard again (net:save) stays.
function plot.save(figure, path)
  options.expect(figure, "table", "latent.plot.save")
  options.expect(path, "string", "latent.plot.save")
  if require "latent.core.run".is_replaying() and sys.exists(path) then return true end
  return require "latent.core.plot".render(figure, { path = path })
end

-- The figure as text for a terminal.
function plot.text(figure, columns, rows)
  options.expect(figure, "table", "latent.plot.text")
  return require "latent.core.plot".render(figure,
    { terminal = true, columns = columns or 79, rows = rows or 24, color = false })
end

return plot
