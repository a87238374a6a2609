-- latent plot: figures from the store.
local args = require "latent.args"
local encode = require "latent.encode"
local json = require "latent.core.json"
local output = require "latent.output"
local plot = require "latent.plot"
local reader = require "latent.reader"
local stats = require "latent.stats"
local sys = require "latent.core.sys"
local tables = require "latent.table"

local KINDS <const> = { "curves", "sweep", "reconstructions", "filters", "codes" }
local MAX_SINGLE <const> = 10 -- curves drawn one by one before seeds are pooled

local spec <const> = {
  command = "plot",
  summary = "draw figures of runs",
  positional = {
    { "KIND", help = "curves, sweep, reconstructions, filters or codes" },
    { "FILTER", optional = true, join = true,
      help = "which runs, as for latent ls; @last, @best(METRIC) or an id: one run" },
  },
  options = {
    { "-m", "--metric", value = "METRIC", repeated = true,
      help = "curves: any (again for more panels); sweep: one, or min(METRIC), max(..), first(..)" },
    { "--by", value = "KEY", repeated = true,
      help = "one line for each value of a knob (KEY or KEY,KEY), its runs pooled: mean and 95 % interval" },
    { "--x", value = "KEY", help = "sweep: the knob along the x axis" },
    { "--x-axis", value = "AXIS", choices = { "epoch", "step", "time" }, default = "epoch",
      help = "curves: epoch, step or time" },
    { "--log-x", help = "logarithmic x axis" },
    { "--log-y", help = "logarithmic y axis" },
    { "--smooth", value = "N", type = "integer", min = 0, default = 0,
      help = "curves: exponential moving average, about N points" },
    { "--title", value = "TEXT", help = "instead of the usual one (\"\" for none)" },
    { "-n", "--number", value = "N", type = "integer", min = 1, help = "pictures, units or examples to show" },
    { "--layer", value = "N", type = "integer", min = 1, default = 1, help = "filters: the layer" },
    { "--network", value = "NAME", help = "which saved network of the run" },
    { "--part", value = "PART", choices = { "train", "valid", "test" }, default = "test",
      help = "which of the run's data" },
    { "-o", "--output", value = "FILE", help = "an .svg, .png or .pdf file; its gnuplot script goes beside it" },
  },
  text = [[
Without -o the figure is drawn in the terminal. The metric is test.sse when the
runs have it, else train.loss. sweep looks at finished runs only, unless the
filter names a status. reconstructions, filters and codes draw the network that
the latest matching run saved.]],
  examples = {
    { "latent plot curves experiment=tied --by tie", "mean and 95 % interval over seeds" },
    { "latent plot curves @last -m train.loss -m test.loss --log-y -o losses.pdf" },
    { "latent plot sweep experiment=tied -m \"min(test.sse)\" --x code --by tie -o code.svg" },
    { "latent plot reconstructions \"@best(test.sse)\" -o pictures.png" },
  },
}

local function warn(text, ...)
  io.stderr:write("latent plot: ", text:format(...), "\n")
end

-- ---- which runs ----

local function names_status(filter)
  return filter ~= nil and filter:find("%f[%w_]status%f[^%w_]") ~= nil
end

local function is_one_run(text)
  return text ~= nil and (text:find("^@") ~= nil or text:find("^%d+$") ~= nil)
end

-- The runs that match, oldest first, with `config` decoded.
local function find_runs(store, opt, status)
  local filter = opt.filter
  if is_one_run(filter) then
    filter = "id=" .. math.tointeger(store:find(filter))
  elseif status and not names_status(filter) then
    filter = filter and ("(%s) and status=%s"):format(filter, status) or "status=" .. status
  end
  local runs = {}
  for i, run in ipairs(store:runs(filter)) do
    if type(run.config) == "string" then run.config = json.decode(run.config) end
    runs[i] = run
  end
  return runs, filter
end

local function nothing(filter)
  io.stderr:write(filter and "no run matches: " .. filter or "the store has no runs", "\n")
  return 3
end

local function id_list(runs)
  local ids = {}
  for i, run in ipairs(runs) do ids[i] = ("%d"):format(run.id) end
  return table.concat(ids, ",")
end

-- Names of the metrics that the runs have, in order.
local function metric_names(store, runs)
  local names = {}
  local query = ("SELECT DISTINCT name FROM finals WHERE run IN (%s) ORDER BY name"):format(id_list(runs))
  for _, row in ipairs(store:sql(query)) do
    names[#names + 1] = row.name
  end
  return names
end

local function contains(list, item)
  for _, x in ipairs(list) do
    if x == item then return true end
  end
  return false
end

-- "min(test.sse)" -> "test.sse", "min"
local function split_metric(text)
  local reducer, inner = text:match("^(%a+)%((.+)%)$")
  if inner and contains({ "min", "max", "first", "last" }, reducer) then return inner, reducer end
  return text, nil
end

-- The metrics to draw, or nil after saying what is wrong.
local function choose_metrics(store, runs, asked)
  local known = metric_names(store, runs)
  if #known == 0 then
    warn("no run that matches has a metric yet")
    return nil
  end
  if not asked then
    for _, name in ipairs { "test.sse", "train.loss", known[1] } do
      if contains(known, name) then return { name } end
    end
  end
  for _, text in ipairs(asked) do
    local name = split_metric(text)
    if not contains(known, name) then
      local near = args.nearest(name, known)
      warn("no run that matches has metric '%s'%s (known: %s)", name,
        near and ("; did you mean '%s'?"):format(near) or "", table.concat(known, ", ", 1, math.min(#known, 12)))
      return nil
    end
  end
  return asked
end

-- ---- knobs ----

local function text_of(value)
  if value == nil then return "-" end
  if type(value) == "number" then return tables.exact(value) end
  if type(value) == "table" then return encode.json(value) end
  return tostring(value)
end

-- A knob of the config, else a column of the run.
local function value_of(run, key)
  local value = run.config[key]
  if value == nil then return run[key] end
  return value
end

-- Knobs that differ among the runs, in order; never the seed.
local function differing(runs)
  local first, differs, names = {}, {}, {}
  for i, run in ipairs(runs) do
    local keys = {}
    for key in pairs(run.config) do keys[key] = true end
    for key in pairs(first) do keys[key] = true end
    for key in pairs(keys) do
      local text = text_of(run.config[key])
      if i == 1 then first[key] = text elseif (first[key] or "-") ~= text then differs[key] = true end
    end
  end
  for key in pairs(differs) do
    if key ~= "seed" then names[#names + 1] = key end
  end
  table.sort(names)
  return names
end

local function known_key(runs, key)
  for _, run in ipairs(runs) do
    if value_of(run, key) ~= nil then return true end
  end
  return false
end

-- The keys of --by, checked; nil after saying what is wrong.
local function read_keys(runs, list)
  local keys, known = {}, {}
  for _, run in ipairs(runs) do
    for key in pairs(run.config) do known[key] = true end
  end
  for _, text in ipairs(list or {}) do
    for key in text:gmatch("[^,%s]+") do
      if not known_key(runs, key) then
        local near = args.nearest(key, reader.sorted(known))
        warn("no run that matches has a knob '%s'%s", key, near and ("; did you mean '%s'?"):format(near) or "")
        return nil
      end
      keys[#keys + 1] = key
    end
  end
  return keys
end

-- "tie=tied code=6"; the bare value for one key.
local function label_of(run, keys, is_long)
  local parts = {}
  for i, key in ipairs(keys) do
    local text = text_of(value_of(run, key))
    parts[i] = (#keys > 1 or is_long or tonumber(text)) and key .. "=" .. text or text
  end
  return table.concat(parts, " ")
end

-- Runs grouped by the values of the keys, in the order in which they appear.
local function group(runs, keys)
  local by_label, groups = {}, {}
  for _, run in ipairs(runs) do
    local label = label_of(run, keys)
    if not by_label[label] then
      by_label[label] = { label = label, runs = {} }
      groups[#groups + 1] = by_label[label]
    end
    table.insert(by_label[label].runs, run)
  end
  return groups
end

-- Groups by numbers are put in order; by words, they stay as the sweep had them.
local function sort_groups(groups, keys)
  if #keys ~= 1 then return groups end
  for _, g in ipairs(groups) do
    if type(value_of(g.runs[1], keys[1])) ~= "number" then return groups end
  end
  table.sort(groups, function(a, b) return value_of(a.runs[1], keys[1]) < value_of(b.runs[1], keys[1]) end)
  return groups
end

-- Knobs that differ within a group, in order; never the seed.
local function differing_within(groups)
  local names = {}
  for _, g in ipairs(groups) do
    for _, name in ipairs(differing(g.runs)) do
      if not contains(names, name) then names[#names + 1] = name end
    end
  end
  table.sort(names)
  return names
end

local function warn_of_pooling(groups)
  local pooled = differing_within(groups)
  if #pooled > 0 then warn("the runs of a line differ also in %s; all are pooled", table.concat(pooled, ", ")) end
end

local function experiments_of(runs)
  local seen, names = {}, {}
  for _, run in ipairs(runs) do
    if not seen[run.experiment] then
      seen[run.experiment] = true
      names[#names + 1] = run.experiment
    end
  end
  return #names <= 2 and table.concat(names, ", ") or ("%d experiments"):format(#names)
end

-- ---- curves ----

local function series_of(store, run, metric, axis)
  if axis == "time" then
    local x, y = {}, {}
    for i, row in ipairs(store:sql("SELECT elapsed, value FROM metrics WHERE run = ? AND name = ? ORDER BY seq",
      run.id, metric)) do
      x[i], y[i] = row.elapsed, row.value or 0 / 0
    end
    return { x = x, y = y }
  end
  local steps, epochs, values = store:metric(run.id, metric)
  local x, is_step = epochs, axis == "step"
  for i = 1, #values do
    is_step = is_step or not epochs[i]
    values[i] = values[i] or 0 / 0
  end
  if is_step then x = steps end
  return { x = x, y = values, is_step = is_step }
end

-- What is drawn as one line: each run, or each group of them.
local function curve_groups(runs, opt)
  local varying = differing(runs)
  if opt.by then
    local keys = read_keys(runs, opt.by)
    if not keys then return nil end
    local groups = sort_groups(group(runs, keys), keys)
    warn_of_pooling(groups)
    return groups, true
  end
  if #runs > MAX_SINGLE and #group(runs, varying) < #runs then
    return sort_groups(group(runs, varying), varying), true
  end
  local groups = {}
  local keys = {}
  for i, key in ipairs(varying) do keys[i] = key end
  if #group(runs, keys) < #runs and known_key(runs, "seed") then keys[#keys + 1] = "seed" end
  for i, run in ipairs(runs) do
    local label = label_of(run, keys, true)
    if #runs == 1 then
      label = nil
    elseif label == "" or #label > 44 then
      label = run.name or "run " .. text_of(run.id)
    end
    groups[i] = { label = label, runs = { run } }
  end
  return groups, false
end

local function curves_panel(store, groups, is_pooled, metric, opt)
  local curves, axis, n_empty = {}, opt.x_axis, 0
  for _, g in ipairs(groups) do
    local members = {}
    for _, run in ipairs(g.runs) do
      local member = series_of(store, run, metric, opt.x_axis)
      if #member.x > 0 then members[#members + 1] = member else n_empty = n_empty + 1 end
      if member.is_step and #member.x > 0 then axis = "step" end
    end
    if #members > 0 then
      local single = members[1]
      curves[#curves + 1] = is_pooled and { label = g.label, members = members }
        or { label = g.label, x = single.x, y = single.y }
    end
  end
  if n_empty > 0 then warn("%d of the runs have no %s yet; left out", n_empty, metric) end
  return plot.curves { curves = curves, metric = metric, x = axis, log_x = opt.log_x or false,
    log_y = opt.log_y or false, smooth = opt.smooth }.panels[1]
end

-- The names of the lines in one panel say those of all.
local function share_key(figure)
  local function names(panel)
    local list = {}
    for _, s in ipairs(panel.series) do list[#list + 1] = s.label end
    return table.concat(list, "\n")
  end
  for i = #figure.panels, 2, -1 do
    if names(figure.panels[i]) == names(figure.panels[1]) then
      for _, s in ipairs(figure.panels[i].series) do s.label = nil end
    end
  end
end

local function draw_curves(store, opt)
  local runs, filter = find_runs(store, opt)
  if #runs == 0 then return nil, nothing(filter) end
  local metrics = choose_metrics(store, runs, opt.metric)
  if not metrics then return nil, 3 end
  local groups, is_pooled = curve_groups(runs, opt)
  if not groups then return nil, 3 end
  local figure = { columns = math.min(#metrics, 2), panels = {} }
  for i, metric in ipairs(metrics) do
    figure.panels[i] = curves_panel(store, groups, is_pooled, metric, opt)
  end
  share_key(figure)
  local what = #metrics == 1 and metrics[1] or ("%d metrics"):format(#metrics)
  figure.title = ("%s: %s%s, %s"):format(experiments_of(runs), what,
    is_pooled and ", mean and 95 % interval" or "", #runs == 1 and "1 run" or #runs .. " runs")
  return figure
end

-- ---- sweep ----

local function sweep_keys(runs, opt)
  local varying = differing(runs)
  local keys = opt.by and read_keys(runs, opt.by)
  if opt.by and not keys then return nil end
  local x = opt.x
  if x then
    if not read_keys(runs, { x }) then return nil end
  else
    for _, key in ipairs(varying) do
      if not (keys and contains(keys, key)) then
        if x then
          warn("--x is needed: the runs differ in %s", table.concat(varying, ", "))
          return nil
        end
        x = key
      end
    end
    if not x then
      warn("--x is needed: no knob differs among the runs%s", opt.by and " but those of --by" or "")
      return nil
    end
  end
  return x, keys or differing_within(group(runs, { x }))
end

-- run id -> the metric's value
local function final_values(store, runs, metric, reducer)
  local values = {}
  local column = reducer or "last"
  for _, row in ipairs(store:sql(("SELECT run, %s AS value FROM finals WHERE name = ? AND run IN (%s)")
    :format(column, id_list(runs)), metric)) do
    values[row.run] = row.value
  end
  return values
end

local function sweep_line(g, x, values, label)
  local by_x, points, has_words = {}, {}, false
  for _, run in ipairs(g.runs) do
    local at, value = value_of(run, x), values[run.id]
    if type(at) ~= "number" then at, has_words = text_of(at), true end
    if value and stats.is_finite(value) then
      if not by_x[at] then
        by_x[at] = { x = at, values = {} }
        points[#points + 1] = by_x[at]
      end
      table.insert(by_x[at].values, value)
    end
  end
  -- words stay as the sweep had them
  if not has_words then table.sort(points, function(a, b) return a.x < b.x end) end
  return { label = label, points = points }
end

-- Numbers and words on one axis: all become words.
local function unify(lines)
  local has_text = false
  for _, line in ipairs(lines) do
    for _, point in ipairs(line.points) do has_text = has_text or type(point.x) == "string" end
  end
  for _, line in ipairs(lines) do
    for _, point in ipairs(line.points) do
      if has_text then point.x = text_of(point.x) end
    end
  end
end

local function count_values(lines)
  local n, has_repeats = 0, false
  for _, line in ipairs(lines) do
    for _, point in ipairs(line.points) do
      n = n + #point.values
      has_repeats = has_repeats or #point.values > 1
    end
  end
  return n, has_repeats
end

local function draw_sweep(store, opt)
  local runs, filter = find_runs(store, opt, "finished")
  if #runs == 0 then return nil, nothing(filter) end
  if opt.metric and #opt.metric > 1 then
    warn("sweep draws one metric, found %d", #opt.metric)
    return nil, 2
  end
  local metrics = choose_metrics(store, runs, opt.metric)
  if not metrics then return nil, 3 end
  local x, keys = sweep_keys(runs, opt)
  if not x then return nil, 2 end
  warn_of_pooling(group(runs, { x, table.unpack(keys) }))
  local metric, reducer = split_metric(metrics[1])
  local values, lines = final_values(store, runs, metric, reducer), {}
  for i, g in ipairs(sort_groups(group(runs, keys), keys)) do
    lines[i] = sweep_line(g, x, values, #keys > 0 and g.label or nil)
  end
  unify(lines)
  local n, has_repeats = count_values(lines)
  if n < #runs then warn("%d of %d runs have no finite %s; left out", #runs - n, #runs, metrics[1]) end
  local figure = plot.sweep { lines = lines, metric = metrics[1], knob = x, log_x = opt.log_x or false,
    log_y = opt.log_y or false }
  local word = (not reducer or reducer == "last") and "final " or ""
  figure.title = ("%s: %s%s%s, %d runs"):format(experiments_of(runs), word, metrics[1],
    has_repeats and ", mean and 95 % interval" or "", n)
  return figure
end

-- ---- pictures of one run ----

-- The latest matching run with a saved network: run and artifact.
local function find_network(store, opt)
  local runs, filter = find_runs(store, opt)
  if #runs == 0 then return nil, nothing(filter) end
  local rows = store:sql(([[SELECT run, name, path, bytes, sha256 FROM artifacts WHERE kind = 'network' AND run IN (%s)
    AND (?1 IS NULL OR name = ?1) ORDER BY run DESC, name <> 'net', name LIMIT 1]]):format(id_list(runs)), opt.network)
  if #rows == 0 then
    warn("the runs that match saved no network%s, or gc freed it; a script saves one by run:save(\"net\", net)",
      opt.network and (" named '%s'"):format(opt.network) or "")
    return nil, 3
  end
  for _, run in ipairs(runs) do
    if run.id == rows[1].run then
      if #runs > 1 then warn("%d runs match; drawing the latest with a network, %s", #runs, run.name) end
      return run, rows[1]
    end
  end
end

-- The run's data, made again from its recipe.
local function data_of(run, part)
  local found = run.data
  if type(found) == "string" and found:find("^%s*{") then found = json.decode(found) end
  local entry = type(found) == "table" and found[part]
  if not entry then
    warn("run %s did not record its %s data", run.name, part)
    return nil
  end
  local missing = reader.missing_file(entry.recipe)
  if missing then
    warn("run %s: its data are read from '%s', which is no file here", run.name, missing)
    return nil
  end
  local set = require "latent.data".from_recipe(entry.recipe)
  if entry.sha256 and set:fingerprint() ~= entry.sha256 then
    warn("the %s data are not those of the run (their fingerprint differs)", part)
  end
  return set
end

local function draw_network(store, opt, context)
  local run, file = find_network(store, opt)
  if not run then return nil, file end
  local net = reader.with_file(store, file, context.db, require "latent.net".load)
  local figure
  if opt.kind == "filters" then
    figure = plot.filters(net, { n = opt.number, layer = opt.layer })
  else
    local set = data_of(run, opt.part)
    if not set then return nil, 3 end
    figure = plot[opt.kind](net, set, { n = opt.number })
  end
  figure.title = ("%s, run %d: %s"):format(run.experiment, run.id, figure.title)
  return figure
end

-- ---- output ----

local function show(figure, opt)
  local core = require "latent.core.plot"
  if opt.output then
    local ok, message = core.render(figure, { path = opt.output })
    if not ok then
      io.stderr:write("latent plot: ", message, "\n")
      return 4
    end
    io.stderr:write("wrote ", opt.output, "\n")
    return 0
  end
  local terminal = sys.terminal {}
  local columns = math.max(40, math.min(200, terminal.width))
  local text, message = core.render(figure, { terminal = true, columns = columns - 1,
    rows = math.max(16, math.min(40, columns * 3 // 10)), color = terminal.color })
  if not text then
    io.stderr:write("latent plot: ", message, "\n")
    return 4
  end
  output.raw(io.stdout, text) -- with its colours; labels were made fit when they were quoted
  return 0
end

local DRAW <const> = { curves = draw_curves, sweep = draw_sweep, reconstructions = draw_network,
  filters = draw_network, codes = draw_network }

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local draw = DRAW[opt.kind]
  if not draw then
    local near = args.nearest(opt.kind, KINDS)
    warn("no kind of figure '%s'%s; wanted %s", opt.kind, near and ("; did you mean '%s'?"):format(near) or "",
      table.concat(KINDS, ", "))
    return 2
  end
  if opt.output and not opt.output:lower():find("%.svg$") and not opt.output:lower():find("%.png$")
    and not opt.output:lower():find("%.pdf$") then
    warn("%s: wanted a name that ends in .svg, .png or .pdf", opt.output)
    return 2
  end
  local store <close> = reader.open(context)
  local figure
  figure, status = draw(store, opt, context)
  if not figure then return status end
  if opt.title then figure.title = opt.title ~= "" and opt.title or nil end
  return show(figure, opt)
end

return { main = main, spec = spec }
