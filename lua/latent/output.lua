-- output: what the commands print, made fit for a terminal on its way.
--
-- A store holds what scripts wrote into it, and may be a stranger's. So that no
-- command can forget it, standard output and standard error are exchanged for
-- stand-ins whose `write` shows control characters (encode.visible); `raw` is for
-- what is our own, or is data for a program.
local encode = require "latent.encode"

local output = {}

local function text_of(...)
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  return table.concat(parts)
end

-- A stand-in for `file` that writes by write(text).
local function stand_in(file, write)
  local self = {}
  function self:write(...)
    write(text_of(...))
    return self
  end
  function self:raw(...)
    file:write(...)
    return self
  end
  return setmetatable(self, {
    __index = function(_, name)
      local method = file[name]
      return method and function(_, ...) return method(file, ...) end
    end,
  })
end

local function guarded(file)
  return stand_in(file, function(text) file:write(encode.visible(text)) end)
end

-- Writes to `file` as it is, whether it was exchanged or not.
function output.raw(file, ...)
  return (file.raw or file.write)(file, ...)
end

local function take_over()
  function io.write(...) return io.stdout:write(...) end
  function print(...)
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    io.stdout:write(table.concat(parts, "\t"), "\n")
  end
end

function output.install()
  if io.type(io.stdout) == nil then return end -- done already
  io.stdout, io.stderr = guarded(io.stdout), guarded(io.stderr)
  take_over()
end

-- From now on nothing is printed.
function output.silence()
  local function nothing() end
  io.stdout, io.stderr = stand_in(io.stdout, nothing), stand_in(io.stderr, nothing)
  take_over()
end

return output
