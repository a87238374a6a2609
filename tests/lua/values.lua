-- JSON both ways, and options declared once. Run by tests/test_script.c.
local json = require "latent.core.json"
local latent = require "latent"
local options = require "latent.options"
local sys = require "latent.core.sys"

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(pattern), ("found %s, wanted %s"):format(message, pattern))
end

-- Keys sorted, integers and reals told apart, exactly.
assert(json.encode { b = 1, a = 1.0, c = { 1, "x", true } } == '{"a":1.0,"b":1,"c":[1,"x",true]}')
assert(json.encode {} == "{}")
for _, x in ipairs { 0.1, 1 / 3, 1e300, 5e-324, -0.0, 2.0 ^ 53, math.pi } do
  local back = json.decode(json.encode { x }) [1]
  assert(back == x and math.type(back) == "float")
end
for _, i in ipairs { 0, -1, math.maxinteger, math.mininteger } do
  local back = json.decode(json.encode { i }) [1]
  assert(back == i and math.type(back) == "integer")
end
assert(json.decode '{"a":null,"b":[]}'.a == nil)
raises("a%.b%[2%]: found function", json.encode, { a = { b = { 1, print } } })
raises("a: found nan", json.encode, { a = 0 / 0 })
raises("infinite", json.encode, { math.huge })
raises("both names and numbers", json.encode, { a = { x = 1, [7] = 2 } })
raises("UTF%-8", json.encode, { "\xff" })
local loop = {}
loop.loop = loop
raises("in itself", json.encode, loop)
raises("JSON", json.decode, "{")

-- Options.
local spec = options.define("thing", {
  { "rate", "number", default = 0.5, above = 0, help = "how fast" },
  { "n", "integer", default = 3, min = 1, max = 9 },
  { "mode", "string", choices = { "fast", "slow" }, default = "slow" },
  { "on", "boolean", default = true },
  { "f", { "function", "integer" } },
})
local o = spec:read { n = 4.0, rate = 2, on = false }
assert(o.n == 4 and math.type(o.n) == "integer" and o.rate == 2.0 and math.type(o.rate) == "float")
assert(o.mode == "slow" and o.on == false and o.f == nil)
raises("thing: unknown option 'rtae', did you mean 'rate'%?", spec.read, spec, { rtae = 1 })
raises("thing: unknown option 'zzz' %(known: f, mode, n, on, rate%)", spec.read, spec, { zzz = 1 })
raises("thing: rate is 0, wanted a number above 0", spec.read, spec, { rate = 0 })
raises("thing: n is 10, wanted an integer from 1 to 9", spec.read, spec, { n = 10 })
raises("thing: mode is 'fats', did you mean 'fast'%? Wanted one of 'fast', 'slow'", spec.read, spec, { mode = "fats" })
raises("thing: on is 1, wanted a boolean", spec.read, spec, { on = 1 })
raises("thing: f is 'x', wanted a function or an integer", spec.read, spec, { f = "x" })
raises("thing: rate is .*nan", spec.read, spec, { rate = 0 / 0 })
raises("thing: unexpected value 7 at place 1", spec.read, spec, { 7 })
raises("thing: found 3, wanted a table of options", spec.read, spec, 3)
assert(spec:help():find("rate") and spec:help():find("how fast"))

-- The machine.
assert(sys.sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
assert(sys.host().cores >= 1 and sys.clock() > 0 and sys.wall() > 1.6e9)
assert(sys.suggest("gird", { "list", "grid" }) == "grid" and sys.suggest("zzz", { "grid" }) == nil)
local a, b = sys.rng(1, "x"), sys.rng(1, "x")
assert(a() == b() and a(10) == b(10) and sys.rng(1, "y")() ~= sys.rng(1, "x")())

-- C's buffers are not piled up: 400 networks of 2.5 MB.
local before = sys.host().peak_bytes
for _ = 1, 400 do
  latent.autoencoder { input = { 784 }, encoder = { latent.dense { 200 } } }
end
local grown = (sys.host().peak_bytes - before) / 2 ^ 20
assert(grown < 600, ("400 networks took %.0f MB"):format(grown))

return latent.experiment { name = "values", config = { seed = 1 }, run = function() end }
