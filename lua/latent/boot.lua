-- boot: what every Lua state of the program is set up with, before a script.
--
-- Scripts are trusted: io and os stay, but in a sandbox (sandbox.lua). What goes, goes for the sake of runs
-- that can be repeated: random numbers come from the engine's generator, an
-- undefined name is an error, and code that is loaded is code that is stored
-- with the run: text beside the script, by `require`, never bytecode.
local sys = require "latent.core.sys"

local boot = {}

local getmetatable <const> = debug.getmetatable
local getinfo <const> = debug.getinfo
local load_text <const> = load

-- ---- globals ----

local function names_of(t)
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- ", did you mean 'x'?" or nothing.
function boot.hint(name, names)
  local near = type(name) == "string" and sys.suggest(name, names)
  return near and (", did you mean '%s'?"):format(near) or ""
end

local function make_strict(globals)
  local mt = getmetatable(globals) or {}
  function mt.__index(_, name)
    sys.fail(("undefined name '%s'%s"):format(tostring(name), boot.hint(name, names_of(globals))))
  end
  function mt.__newindex(t, name, value)
    local what = getinfo(2, "S").what
    if what == "Lua" then
      sys.fail(("assignment to undefined name '%s' (write: local %s)"):format(tostring(name), tostring(name)))
    end
    rawset(t, name, value)
  end
  setmetatable(globals, mt)
end

local function seed_random(seed)
  if math.type(seed) ~= "integer" then
    seed = type(seed) == "number" and (math.tointeger(seed) or string.unpack("<i8", string.pack("<d", seed)))
      or sys.fail("math.randomseed: wanted a number, so that the run can be repeated")
  end
  sys.randomseed(seed)
end

-- ---- loading ----

local reader -- path -> text or nil: where require finds files
local folder = "."
local sources = {}
local globals = _G -- the script's

local function local_searcher(name)
  if not name:find("^[%w_%-%.]+$") or name:find("%.%.") then
    return ("\n\t'%s' is no module's name"):format(name)
  end
  local base = name:gsub("%.", "/")
  for _, tail in ipairs { base .. ".lua", base .. "/init.lua" } do
    local path = folder == "." and tail or folder .. "/" .. tail
    local text = reader and reader(path)
    if text then
      sources[#sources + 1] = { path = path, text = text }
      local chunk, message = load_text(text, "@" .. path, "t", globals)
      if not chunk then error(message, 0) end
      return chunk, path
    end
  end
  return ("\n\tno file '%s.lua' beside the script, nor among the run's stored files "
    .. "(require modules at the top of the script, so that they are stored)"):format(base)
end

local function not_stored(name)
  return function()
    sys.fail(name .. ": use require, so that the file is stored with the run")
  end
end

-- A stop is noticed by a count of each coroutine's own instructions, which a
-- short one never reaches: so it is looked for at every crossing too. A
-- coroutine that was stopped is not closed: hooks are off in it, and nothing
-- would end its __close.
local function guard_coroutines()
  local create <const>, resume <const>, close <const> = coroutine.create, coroutine.resume, coroutine.close
  local status <const>, poll <const> = coroutine.status, sys.poll
  function coroutine.create(f)
    poll()
    return create(f)
  end
  function coroutine.resume(...)
    poll()
    return resume(...)
  end
  function coroutine.close(...)
    poll()
    return close(...)
  end
  local function finish(co, ok, ...)
    if ok then return ... end
    poll()
    local message = ...
    if status(co) == "dead" then
      local closes, other = close(co)
      if not closes then message = other end
    end
    error(message, 2)
  end
  function coroutine.wrap(f)
    poll()
    local co = create(f)
    return function(...)
      poll()
      return finish(co, resume(co, ...))
    end
  end
end

function boot.setup(is_sandboxed)
  math.random = sys.random
  math.randomseed = seed_random
  load = function(chunk, name, _, ...)
    return load_text(chunk, name, "t", ...)
  end
  loadfile = not_stored("loadfile")
  dofile = not_stored("dofile")
  local plain_xpcall <const> = xpcall
  xpcall = function(f, handler, ...)
    return plain_xpcall(f, sys.guard(handler), ...)
  end
  debug.sethook = nil -- the program's own hook is how Ctrl-C reaches a script
  package.path, package.cpath = "", ""
  package.loadlib = nil
  package.searchers = { package.searchers[1], local_searcher }
  guard_coroutines()
  make_strict(_G)
  if is_sandboxed then
    globals = require "latent.sandbox".setup(local_searcher)
    make_strict(globals)
  end
end

function boot.is_sandboxed()
  return globals ~= _G
end

local exists <const> = sys.exists -- a sandbox's own sees less

-- Links in a stranger's folder lead nowhere else.
local function is_beside(path)
  local real, home = sys.real(path), sys.real(folder)
  return real and home and real:sub(1, #home + 1) == home:gsub("/$", "") .. "/"
end

local function from_disk(path)
  if not exists(path) or (boot.is_sandboxed() and not is_beside(path)) then return nil end
  return sys.read(path)
end

-- A variable to be closed keeps Lua from making `return latent.experiment{...}`
-- a tail call, which would take the script's line out of every error.
local PREFIX <const> = "local script__ <close> = nil "

-- Loads a script's text and returns its experiment. `stored` maps the paths of
-- other files to their texts; without it they are read from the disk.
function boot.load(text, path, stored)
  folder = path:match("^(.*)/[^/]*$") or "."
  if not stored then require "latent.output".install() end -- a worker's output is shown by others
  reader = stored and function(name) return stored[name] end or from_disk
  sources = { { path = path, text = text } }
  local chunk, message = load_text(PREFIX .. text:gsub("^#[^\n]*", ""), "@" .. path, "t", globals)
  if not chunk then error(message, 0) end
  local experiment = chunk()
  local options = require "latent.options"
  if options.type_of(experiment) ~= "experiment" then
    error(("%s: a script returns latent.experiment { ... }, found %s"):format(path, options.show(experiment)), 0)
  end
  return experiment
end

-- The files read so far, the script first: { { path =, text = }, ... }.
function boot.sources()
  return sources
end

-- From now on `require` finds no more files, as in a worker, which has only
-- those that were read by then.
function boot.seal()
  reader = nil
end

function boot.folder()
  return folder
end

return boot
