-- latent.autoencoder{...}, latent.load(path), and the methods of a network.
local boot = require "latent.boot"
local core = require "latent.core.net"
local data = require "latent.data"
local objective = require "latent.objective"
local options = require "latent.options"
local recommend = require "latent.core.recommend"
local run = require "latent.run"
local run_core = require "latent.core.run"
local shapes = require "latent.shape"
local sys = require "latent.core.sys"

local net = {}
options.register(core.meta, "net")

-- ---- construction ----

local spec = options.define("latent.autoencoder", {
  { "input", { "table", "integer" }, required = true, help = "the shape of an example: set.shape" },
  { "encoder", "table", required = true, help = "a list of layers" },
  { "decoder", "table", help = "a list of layers; by default the encoder's mirror" },
  { "output", "string", choices = core.acts,
    help = "the mirror's last activation, by default sigmoid; a decoder that is given has its own" },
  { "tie", { "string", "table" }, default = "untied", help = "how the decoder gets its weights" },
  { "init", { "string", "table" }, default = "glorot", help = "the start, or { \"normal\", 0.1 }" },
  { "seed", "integer", default = run.default_seed, help = "of the start" },
  { "sparse", "boolean", default = false, help = "for sparse sets of many elements: first and last layer dense" },
})

local function fail(format, ...)
  sys.fail("latent.autoencoder: " .. format:format(...))
end

local SIZE_MOST <const> = 0x7fffffff -- of the engine; products are checked there

local function read_shape(input)
  if type(input) ~= "table" then input = { input } end
  if #input ~= 1 and #input ~= 3 then
    fail("input has %d sizes, wanted { elements } or { channels, height, width }", #input)
  end
  for i, size in ipairs(input) do
    if not math.tointeger(size) or size < 1 or size > SIZE_MOST then
      fail("input: size %d is %s, wanted a whole number from 1 to %d", i, options.show(size), SIZE_MOST)
    end
  end
  return input
end

local function read_layers(name, list)
  for i, layer in ipairs(list) do
    if options.type_of(layer) ~= "layer" then
      fail("%s layer %d is %s, wanted a layer: latent.dense { 100 }", name, i, options.show(layer))
    end
  end
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #list then
      fail("%s: unexpected '%s', wanted a list of layers without holes", name, tostring(key))
    end
  end
  return list
end

local function one_of(what, value, names)
  for _, name in ipairs(names) do
    if name == value then return value end
  end
  fail("%s is %s%s (known: %s)", what, options.show(value), boot.hint(value, names), table.concat(names, ", "))
end

local REFRESHES <const> = { "step", "epoch" }

-- "tied", or { "mirrored", refresh = "epoch" }
local function read_tie(tie)
  if type(tie) == "string" then return one_of("tie", tie, core.ties), "step" end
  for key in pairs(tie) do
    if key ~= 1 then one_of("option of tie", key, { "refresh" }) end
  end
  local name = one_of("tie", tie[1], core.ties)
  if tie.refresh ~= nil and name ~= "mirrored" and name ~= "pinv" then
    fail("tie '%s' has no refresh; 'mirrored' and 'pinv' do", name)
  end
  return name, one_of("refresh", tie.refresh or "step", REFRESHES)
end

local INIT_VALUES <const> = { normal = 0.1, sparse = 15 }

-- "glorot", or { "normal", 0.05 }
local function read_init(init)
  if type(init) == "string" then init = { init } end
  local name = one_of("init", init[1], core.inits)
  local value = init[2] or INIT_VALUES[name] or 0
  if type(value) ~= "number" or value < 0 or (init[2] and not INIT_VALUES[name]) then
    fail("init '%s' does not take %s", name, options.show(init[2]))
  end
  return name, value + 0.0
end

function net.autoencoder(given)
  local o = spec:read(given)
  local encoder = read_layers("encoder", o.encoder)
  if #encoder == 0 then fail("encoder has no layers") end
  local tie, refresh = read_tie(o.tie)
  local init, value = read_init(o.init)
  local built = core.new {
    input = read_shape(o.input), encoder = encoder, decoder = read_layers("decoder", o.decoder or {}),
    output = o.output or "sigmoid", tie = tie, refresh_each_epoch = refresh == "epoch",
    init = init, init_value = value, seed = o.seed, sparse = o.sparse,
  }
  if o.output and built.output_act ~= o.output then
    fail("output is '%s', but the last layer of the decoder has '%s'; write act = '%s' there", o.output,
      built.output_act, o.output)
  end
  return built
end

function net.load(path)
  options.expect(path, "string", "latent.load")
  return core.load(path)
end

-- ---- methods ----

local methods, fields = {}, {}

for _, name in ipairs { "input", "code", "output", "layers", "encoder_layers", "tie", "output_act",
  "is_variational" } do
  fields[name] = function(self) return core.info(self)[name] end
end

local function check_set(self, what, set, shape)
  options.expect(self, "net", what)
  options.expect(set, "set", what)
  if set.elements ~= shapes.elements(shape) then
    sys.fail(("%s: examples of %s, wanted %s"):format(what, table.concat(set.shape, "x"),
      table.concat(shape, "x")))
  end
end

function methods:encode(set)
  check_set(self, "net:encode", set, self.input)
  return core.map(self, set, "encode")
end

-- Of a set of codes, or of a list of them: { { 0.5, -1 }, ... }.
function methods:decode(codes)
  if type(codes) == "table" then codes = data.rows(codes) end
  check_set(self, "net:decode", codes, self.code)
  return core.map(self, codes, "decode")
end

function methods:reconstruct(set)
  check_set(self, "net:reconstruct", set, self.input)
  return core.map(self, set, "reconstruct")
end

local evaluate_options = { { "seed", "integer", default = run.default_seed, help = "draws a variational code" } }
table.move(objective.options, 1, #objective.options, 2, evaluate_options)
local evaluate_spec = options.define("net:evaluate", evaluate_options)

-- Of a sigmoid output, when the set's values can be its targets.
local function bce_of(self, set, seed)
  local ok, terms = pcall(core.evaluate, self, set, objective.plain("net:evaluate", self, set, "bce"), seed)
  if ok then return terms.recon or terms.loss end
  if not tostring(terms):find("loss bce wants", 1, true) then error(terms, 0) end
end

-- The terms of an objective, { loss = "bce", penalty = { l2 = 1e-4 } } or the
-- loss's name alone: { loss =, sse =, mse =, bce = (with a sigmoid output) }
-- and whatever else applies (README). With masked_mse, mse is over what is known.
function methods:evaluate(set, given)
  check_set(self, "net:evaluate", set, self.input)
  if type(given) == "string" then given = { loss = given } end
  local o = evaluate_spec:read(given or {})
  local asked = objective.read("net:evaluate", self, set, o)
  local out = core.evaluate(self, set, asked, o.seed)
  local recon = out.recon or out.loss
  out.mse = asked.loss == "masked_mse" and recon or out.sse / set.elements
  if asked.loss == "masked_mse" then return out end
  if self.output_act == "sigmoid" then out.bce = asked.loss == "bce" and recon or bce_of(self, set, o.seed) end
  return out
end

-- The outputs where ratings were held out: a sparse set with the entries of
-- set.target (the set's own without one). Like the set's, its values are
-- relative to set.centre.
function methods:predict(set)
  check_set(self, "net:predict", set, self.input)
  return recommend.predict(self, set)
end

local recommend_spec = options.define("net:recommend", {
  { "row", "integer", required = true, min = 1, help = "the example to recommend to" },
  { "n", "integer", default = 10, min = 1, max = 1000000, help = "how many, at most" },
  { "known", "boolean", default = false, help = "also what the row has already" },
})

-- The columns with the highest outputs for a row, best first, of those that it
-- has not: { { column =, id = (of set.column_ids), score = }, ... }. The score
-- is the output plus set.centre.
function methods:recommend(set, given)
  check_set(self, "net:recommend", set, self.input)
  local o = recommend_spec:read(given or {})
  if o.row > set.n then sys.fail(("net:recommend: row is %d, wanted 1 to %d"):format(o.row, set.n)) end
  return recommend.best(self, set, o.row, math.min(o.n, set.elements), o.known)
end

function methods:summary() return core.summary(self) end

-- Numbers in the network; a tied weight counts once.
function methods:parameters() return core.info(self).parameters end
function methods:trainable() return core.info(self).trainable end

local function set_frozen(self, what, which, frozen)
  options.expect(self, "net", what)
  local layer = type(which) == "number" and math.tointeger(which)
  if which ~= "encoder" and which ~= "decoder" and not (layer and layer >= 1 and layer <= self.layers) then
    sys.fail(("%s: found %s, wanted 'encoder', 'decoder' or a layer from 1 to %d"):format(what,
      options.show(which), self.layers))
  end
  core.freeze(self, layer or which, frozen)
end

function methods:freeze(which) set_frozen(self, "net:freeze", which, true) end
function methods:unfreeze(which) set_frozen(self, "net:unfreeze", which, false) end

-- Weights of a layer (encoder then decoder, from 1): a flat list, then its
-- sizes: H, D of a dense layer, out, in, height, width of a convolution. nil of
-- a layer that has none; a normalisation's are its scales, its biases shifts.
function methods:weight(layer) return core.weight(self, layer) end
function methods:bias(layer) return core.bias(self, layer) end
function methods:to_table() return core.to_json(self) end

-- notes: strings for the file's metadata, or nil. While on_epoch hears again
-- what it did before a process died, a file that it wrote then stays: the
-- network is a later one by now.
function methods:save(path, notes)
  options.expect(path, "string", "net:save")
  if run_core.is_replaying() and sys.exists(path) then return end
  core.save(self, path, notes)
end

core.meta.__index = options.index("a network", methods, fields)
core.meta.__newindex = function(_, key)
  sys.fail(("net.%s: a network has no fields to set"):format(tostring(key)))
end
core.meta.__tostring = function(self)
  return ("autoencoder %s -> %s, %s, %d parameters"):format(table.concat(self.input, "x"),
    table.concat(self.code, "x"), self.tie, self:parameters())
end

return net
