-- latent show: everything about one run.
local args = require "latent.args"
local encode = require "latent.encode"
local json = require "latent.core.json"
local reader = require "latent.reader"
local tables = require "latent.table"

local spec <const> = {
  command = "show",
  summary = "everything about one run",
  positional = { { "RUN", help = "an id, a unique prefix of a name, @last, or @best(METRIC)" } },
  options = {},
  formats = true,
  json = "one object, numbers unrounded",
  text = [[
For people: config (knobs that the run changed are marked *), metrics with the
targets of the script, files, environment, notes and tags. --csv gives lines of
section, key, value.]],
  examples = {
    { "latent show 12" }, { "latent show @last" }, { "latent show \"@best(test.sse)\" --json" },
  },
}

local ENVIRONMENT <const> = {
  "host", "system", "cpu", "cores", "threads", "blas_core", "isa", "build", "git_commit", "git_diff",
  "script_hash", "uuid",
}
local FACTS <const> = {
  "id", "name", "experiment", "question", "sweep", "status", "message", "bad_step", "bad_layer", "bad_what",
  "seed", "script", "command",
  "queued_at", "started_at", "ended_at", "seconds", "cpu_seconds", "parameters", "examples_per_second",
  "network", "data",
}

local function read_run(store, id)
  local run = store:sql("SELECT * FROM runs WHERE id = ?", id)[1]
  local sweep = store:sql("SELECT targets, defaults FROM sweeps WHERE id = ?", run.sweep)[1]
  return {
    run = run,
    config = json.decode(run.config),
    defaults = json.decode(sweep.defaults),
    targets = json.decode(sweep.targets),
    metrics = store:sql("SELECT * FROM finals WHERE run = ? ORDER BY name", id),
    artifacts = store:sql("SELECT name, kind, path, bytes, sha256 FROM artifacts WHERE run = ? ORDER BY name", id),
    notes = store:sql("SELECT at, text FROM notes WHERE run = ? ORDER BY at", id),
    tags = store:sql("SELECT tag FROM tags WHERE run = ? ORDER BY tag", id),
  }
end

local function value_text(value)
  if type(value) == "number" then return encode.nonfinite(value) or tables.exact(value) end
  if type(value) == "table" then return encode.json(value) end
  return tostring(value)
end

-- True when the metric was at some step at least as good as its target.
local function reached(final, target)
  if target.better == "higher" then return final.max ~= nil and final.max >= target.value end
  return final.min ~= nil and final.min <= target.value
end

local function as_object(r)
  local object = {
    config = r.config, defaults = r.defaults, targets = r.targets, metrics = {},
    artifacts = encode.array(r.artifacts), notes = encode.array(r.notes), tags = encode.array({}),
  }
  object.data = json.try(r.run.data or "")
  for _, final in ipairs(r.metrics) do object.metrics[final.name] = final end
  for i, row in ipairs(r.tags) do object.tags[i] = row.tag end
  for key, value in pairs(r.run) do
    if object[key] == nil then object[key] = value end
  end
  return object
end

local function write_csv(r)
  local rows = {}
  local function add(section, key, value)
    rows[#rows + 1] = { section = section, key = key, value = value }
  end
  for _, key in ipairs(FACTS) do add("run", key, r.run[key]) end
  for _, key in ipairs(reader.sorted(r.config)) do add("config", key, r.config[key]) end
  for _, final in ipairs(r.metrics) do add("last", final.name, final.last) end
  for _, artifact in ipairs(r.artifacts) do add("artifact", artifact.name, artifact.path) end
  for _, key in ipairs(ENVIRONMENT) do add("environment", key, r.run[key]) end
  tables.write({ columns = { { "section" }, { "key" }, { "value" } }, rows = rows }, { format = "csv" })
end

-- Lines "key   value" under a heading; nothing when there are none.
local function write_pairs(heading, list)
  if #list == 0 then return end
  local wide = 0
  for _, pair in ipairs(list) do
    pair[1] = encode.line(pair[1])
    wide = math.max(wide, tables.width(pair[1]))
  end
  io.write("\n", heading, "\n")
  for _, pair in ipairs(list) do
    local value = tostring(pair[2]):gsub("\t", " ")
    value = value:gsub("\n+$", ""):gsub("\n", "\n" .. (" "):rep(wide + 4))
    io.write("  ", pair[1], (" "):rep(wide - tables.width(pair[1]) + 2), value, "\n")
  end
end

local function write_table(heading, t)
  if #t.rows == 0 then return end
  io.write("\n", heading, "\n")
  local width = tables.terminal_width()
  for _, line in ipairs(tables.lines(t, width and width - 2)) do io.write("  ", line, "\n") end
end

local function write_head(run)
  io.write(("run %d %s: %s"):format(run.id, encode.line(run.name), encode.line(run.status)))
  if run.seconds then io.write(" after ", tables.duration(run.seconds)) end
  io.write("\n")
  local list = {}
  local function add(key, value)
    if value and value ~= "" then list[#list + 1] = { key, value } end
  end
  add("message", run.message)
  if run.bad_step then
    add("diverged", ("at step %d%s"):format(run.bad_step, run.bad_layer and ", in layer " .. run.bad_layer or ""))
  end
  add("experiment", run.experiment)
  add("question", run.question)
  add("sweep", run.sweep)
  add("command", run.command)
  add("script", run.script)
  add("started", run.started_at and ("%s (%s ago)"):format(run.started_at, reader.age(run.started_at)))
  add("CPU time", run.cpu_seconds and tables.duration(run.cpu_seconds))
  add("examples/s", run.examples_per_second and ("%.0f"):format(run.examples_per_second))
  add("tags", run.tags)
  write_pairs("run", list)
end

local function write_config(r)
  local list = {}
  for _, key in ipairs(reader.sorted(r.config)) do
    local value, default = value_text(r.config[key]), r.defaults[key]
    if default ~= nil and value_text(default) ~= value then
      list[#list + 1] = { key .. " *", ("%s   (default %s)"):format(value, value_text(default)) }
    else
      list[#list + 1] = { key, value }
    end
  end
  write_pairs("config (*: not the default)", list)
end

local function show_value(x)
  return x and (encode.nonfinite(x) or ("%.5g"):format(x)) or ""
end

local function metric_row(final, target)
  local row = {
    name = final.name, n = final.n, last = final.last, min = final.min, min_step = final.min_step,
    max = final.max, max_step = final.max_step,
    nonfinite = final.nonfinite > 0 and final.nonfinite or nil,
  }
  if final.last == nil and final.last_kind ~= "finite" then row.last = final.last_kind end
  if target and type(target.value) == "number" then
    row.target = value_text(target.value) .. (reached(final, target) and " reached" or " missed")
    row.source = target.source
  end
  return row
end

local function write_metrics(r)
  local rows = {}
  for i, final in ipairs(r.metrics) do rows[i] = metric_row(final, r.targets[final.name]) end
  local function last(x) return type(x) == "string" and x or show_value(x) end
  local columns = {
    { "name" }, { "n" },
    { "last", show = last, align = "right" },
    { "min", show = show_value, align = "right" }, { "min_step", title = "at step", spare = 3 },
    { "max", show = show_value, align = "right", spare = 2 },
    { "max_step", title = "at step", spare = 1 },
    { "nonfinite", sparse = true }, { "target", sparse = true }, { "source", sparse = true },
  }
  write_table("metrics", { columns = reader.prune(columns, rows), rows = rows })
end

local HIDDEN <const> = { kind = true, how = true, of = true, fitted_on = true, classes = true }

-- "faces part=test train_people=25 -> resize height=78 width=64 -> ...": how a
-- set came about, first things first. What a preparation was fitted on is left
-- out: --json has it.
local function recipe_text(recipe)
  local words = { recipe.kind == "prepared" and recipe.how and recipe.how.kind or recipe.kind }
  for _, from in ipairs { recipe.how or {}, recipe } do
    for _, key in ipairs(reader.sorted(from)) do
      if not HIDDEN[key] and not (key == "part" and recipe.of) then
        words[#words + 1] = key .. "=" .. value_text(from[key])
      end
    end
  end
  local step = table.concat(words, " ")
  return recipe.of and recipe_text(recipe.of) .. " -> " .. step or step
end

-- "train   curves n_train=1000 part=train seed=3   sha256 b13c33da2e4a..."
local function write_data(text)
  if not text or text == "" then return end
  local parts = json.try(text)
  if not parts then return write_pairs("data", { { "fingerprint", text } }) end
  local list = {}
  for _, part in ipairs(reader.sorted(parts)) do
    local recipe = parts[part].recipe
    list[#list + 1] = { part, (recipe and recipe_text(recipe) or "") .. "   sha256 " .. tostring(parts[part].sha256) }
  end
  write_pairs("data", list)
end

local function write_rest(r)
  write_data(r.run.data)
  if r.run.network and r.run.network ~= "" then
    io.write(("\nnetwork (%s parameters)\n"):format(r.run.parameters or "?"))
    for line in r.run.network:gmatch("[^\n]+") do io.write("  ", line, "\n") end
  end
  write_table("files", {
    columns = { { "name" }, { "kind" }, { "bytes" }, { "path" } }, rows = r.artifacts,
  })
  local list = {}
  for _, note in ipairs(r.notes) do list[#list + 1] = { note.at, note.text } end
  write_pairs("notes", list)
  list = {}
  for _, key in ipairs(ENVIRONMENT) do
    local value = r.run[key]
    if value and value ~= "" then list[#list + 1] = { (key:gsub("_", " ")), value } end
  end
  write_pairs("environment", list)
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local store <close> = reader.open(context)
  local r = read_run(store, store:find(opt.run))
  if opt.format == "json" then
    io.write(encode.json(as_object(r), true), "\n")
  elseif opt.format == "csv" then
    write_csv(r)
  else
    write_head(r.run)
    write_config(r)
    write_metrics(r)
    write_rest(r)
  end
  return 0
end

return { main = main, spec = spec }
