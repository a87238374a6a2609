-- latent.probe: what codes tell of labels, and what their units do.
--
-- Options, what can be asked of which sets, names of metrics; the work is the
-- engine's. A part that is not asked for is done when it can be: without
-- labels, units and PCA only.
--
--   local r = latent.probe { net = net, train = data.train, test = data.test, run = run }
--   r.knn[1], r.linear.accuracy, r.retrieval.map, r.units.dead, r.pca.sse, r.pca.knn[1]
local core = require "latent.core.probe"
local net_core = require "latent.core.net"
local options = require "latent.options"
local shapes = require "latent.shape"
local sys = require "latent.core.sys"

local probe = {}

local spec = options.define("latent.probe", {
  { "net", "net", help = "whose codes are judged" },
  { "codes", "table", help = "instead of a network: { train = set, test = set }, as net:encode gives them" },
  { "train", "set", help = "the inputs that codes are compared with, with labels" },
  { "test", "set", help = "the inputs that are judged, with labels" },
  { "run", "run", help = "where metrics go" },
  { "knn", { "table", "integer", "boolean" }, help = "numbers of neighbours to ask: { 1, 5 } by default" },
  { "linear", { "table", "boolean" }, help = "a softmax classifier on the codes; { l2 = 1e-4 }" },
  { "retrieval", "boolean", help = "precision among the nearest 1, 3, 7, 15, ..." },
  { "units", "boolean", help = "dead, saturated, variance, effective dimension" },
  { "pca", "boolean", help = "principal components of the inputs, as many as code units, and their probes" },
  { "distance", "string", choices = core.distances, default = "euclidean", help = "of knn and retrieval" },
  { "among", "string", choices = { "train", "test" }, default = "train",
    help = "where knn and retrieval look; test: among the other test examples" },
  { "act", "string", choices = net_core.acts, help = "of the code's units; by default the network's" },
  { "dead", "number", default = 1e-4, min = 0, help = "variance below which a unit is dead" },
  { "name", "string", default = "probe", help = "what the metrics' names begin with" },
})

local linear_spec = options.define("latent.probe: linear", {
  { "l2", "number", default = 1e-4, min = 0, help = "half of it times the squared weights is added" },
  { "tolerance", "number", default = 1e-5, above = 0, help = "length of the gradient at the end" },
  { "iterations", "integer", default = 100, min = 1, max = 10000, help = "of Newton's method, at most" },
})

local codes_spec = options.define("latent.probe: codes", {
  { "train", "set", required = true, help = "codes of the training set" },
  { "test", "set", required = true, help = "codes of the test set" },
})

local function fail(format, ...)
  sys.fail("latent.probe: " .. format:format(...))
end

-- ---- what is asked for ----

-- The sets that have the labels, and how many units a code has.
local function read_sets(o)
  if (o.net == nil) == (o.codes == nil) then fail("wanted either net or codes") end
  if (o.train == nil) ~= (o.test == nil) then fail("%s is missing", o.train and "test" or "train") end
  if o.codes then
    local codes = codes_spec:read(o.codes)
    for _, part in ipairs { "train", "test" } do
      if o[part] and o[part].n ~= codes[part].n then
        fail("%s has %d examples, codes.%s %d", part, o[part].n, part, codes[part].n)
      end
    end
    if codes.train.elements ~= codes.test.elements then
      fail("codes.test has codes of %d units, codes.train %d", codes.test.elements, codes.train.elements)
    end
    return codes, codes.train.elements
  end
  for _, part in ipairs { "train", "test" } do
    local set = o[part] or fail("%s is missing, wanted a set", part)
    if set.elements ~= shapes.elements(o.net.input) then
      fail("%s has examples of %s, the network takes %s", part, table.concat(set.shape, "x"),
        table.concat(o.net.input, "x"))
    end
  end
  return o, shapes.elements(o.net.code)
end

local LABELLED <const> = { "knn", "linear", "retrieval" }

-- Parts that want labels: on by default where there are any.
local function read_labelled(o, sets)
  local lacking = not sets.test.has_labels and "test" or not sets.train.has_labels and "train"
  local asked = {}
  for _, part in ipairs(LABELLED) do
    local is_free = part ~= "linear" and o.among == "test" and sets.test.has_labels
    if lacking and not is_free then
      if o[part] then asked[#asked + 1] = part end
    elseif o[part] == nil then
      o[part] = true
    end
  end
  if #asked > 0 then
    fail("%s: %s has no labels, wanted examples with labels (units and pca do without)",
      table.concat(asked, ", "), (o.codes and "codes." or "") .. lacking)
  end
end

-- The numbers of neighbours, each once and in order; nil when knn is off.
local function read_knn(o, sets)
  if not o.knn then return nil end
  local most = math.min(o.among == "test" and sets.test.n - 1 or sets.train.n, core.knn_most)
  local given = o.knn == true and { 1, 5 } or type(o.knn) == "table" and o.knn or { o.knn }
  local seen, list = {}, {}
  for _, k in ipairs(given) do
    local whole = type(k) == "number" and math.tointeger(k)
    local is_default = o.knn == true and whole > most
    if not is_default and (not whole or whole < 1 or whole > most) then
      fail("knn: found %s, wanted 1 to %d neighbours", options.show(k), most)
    end
    if not is_default and not seen[whole] then list[#list + 1] = whole end
    seen[whole] = true
  end
  for key in pairs(given) do
    if math.type(key) ~= "integer" or key < 1 or key > #given then
      fail("knn: unexpected '%s', wanted a list of numbers: { 1, 5 }", tostring(key))
    end
  end
  if #list == 0 then fail("knn: no numbers of neighbours, wanted { 1, 5 }") end
  table.sort(list)
  return list
end

local function read_pca(o, units)
  local reason = not o.train and "pca wants train and test, the inputs themselves"
    or units > o.train.elements and ("pca: the code has %d units, the inputs %d elements"):format(units,
      o.train.elements)
    or o.train.elements > core.pca_most and ("pca: inputs of %d elements, wanted at most %d"):format(
      o.train.elements, core.pca_most)
  if o.pca and reason then fail("%s", reason) end
  if o.pca == nil then o.pca = not reason end
end

local function read(given)
  local o = spec:read(given)
  if not o.name:find("^[%a_][%w_.%-/]*$") then
    fail("name is %s, wanted letters, digits, dots, - and _", options.show(o.name))
  end
  local sets, units = read_sets(o)
  read_labelled(o, sets)
  o.ks = read_knn(o, sets)
  if o.linear then o.linear = linear_spec:read(o.linear == true and {} or o.linear) end
  if o.units == nil then o.units = true end
  read_pca(o, units)
  o.act = o.act or (o.net and core.act(o.net) or "linear")
  return o, units
end

-- ---- the work ----

-- All parts but PCA, on a pair of sets of codes.
local function judge(o, codes, act)
  local r = {}
  local train = o.among == "train" and codes.train or nil
  if o.ks then
    local accuracies = core.knn(train, codes.test, o.ks, o.distance)
    r.knn = {}
    for i, k in ipairs(o.ks) do r.knn[k] = accuracies[i] end
  end
  if o.linear then r.linear = core.linear(codes.train, codes.test, o.linear) end
  if o.retrieval then r.retrieval = core.retrieval(train, codes.test, o.distance) end
  if o.units then r.units = core.units(codes.test, act, o.dead) end
  return r
end

-- ---- metrics ----

local LINEAR <const> = { "accuracy", "loss", "train_accuracy", "train_loss" }
local UNITS <const> = { "dead", "saturated", "variance", "effective" }
local PCA <const> = { "sse", "train_sse", "explained" }
local POINTS <const> = 5 -- of a precision curve that are metrics of their own

local function add_all(out, prefix, values, names)
  for _, name in ipairs(values and names or {}) do out[prefix .. name] = values[name] end
end

-- By their full names, "probe.knn.1".
local function metrics_of(r, prefix, out)
  for k, accuracy in pairs(r.knn or {}) do out[("%s.knn.%d"):format(prefix, k)] = accuracy end
  add_all(out, prefix .. ".linear.", r.linear, LINEAR)
  add_all(out, prefix .. ".units.", r.units, UNITS)
  if r.retrieval then
    out[prefix .. ".map"] = r.retrieval.map
    for i = 1, math.min(POINTS, #r.retrieval.n) do
      out[("%s.retrieval.%d"):format(prefix, r.retrieval.n[i])] = r.retrieval.precision[i]
    end
  end
  return out
end

-- The whole precision curve is one metric, whose steps are the numbers retrieved.
local function log_curve(run, prefix, curve)
  for i, n in ipairs(curve and curve.n or {}) do
    run:log { step = n, [prefix .. ".retrieval"] = curve.precision[i] }
  end
end

local function note_unconverged(run, prefix, linear)
  if not linear or linear.converged then return end
  run:note(("%s.linear: not converged after %d iterations, the gradient's length is %.3g"):format(prefix,
    linear.iterations, linear.gradient))
end

local function log_part(run, prefix, r)
  log_curve(run, prefix, r.retrieval)
  note_unconverged(run, prefix, r.linear)
end

-- latent.probe {...} -> { knn = { [1] = }, linear = { accuracy =, loss = },
-- retrieval = { n = {}, precision = {}, map = }, units = { dead =, ... },
-- pca = { sse =, knn = ... }, metrics = { ["probe.knn.1"] = ... } }
function probe.probe(given)
  local o, units = read(given)
  local pca_name = o.name == "probe" and "pca" or o.name .. ".pca"
  local codes = o.codes or { train = core.encode(o.net, o.train), test = core.encode(o.net, o.test) }
  local r = judge(o, codes, o.act)
  r.code, r.metrics = units, metrics_of(r, o.name, {})
  if o.pca then
    local baseline, train, test = core.pca(o.train, o.test, units)
    r.pca = judge(o, { train = train, test = test }, "linear")
    for name, value in pairs(baseline) do r.pca[name] = value end
    add_all(metrics_of(r.pca, pca_name, r.metrics), pca_name .. ".", baseline, PCA)
  end
  if o.run then
    if next(r.metrics) then o.run:log(r.metrics) end
    log_part(o.run, o.name, r)
    if r.pca then log_part(o.run, pca_name, r.pca) end
  end
  return r
end

return probe
