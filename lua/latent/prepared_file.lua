-- Preparations in files: safetensors, like networks. What was learnt are the
-- tensors shift, factor, forward, backward, variances; how, on what, and the
-- shapes are JSON in the metadata. What learns nothing has no tensors.
local core = require "latent.core.prepare"
local json = require "latent.core.json"
local shapes = require "latent.shape"
local sys = require "latent.core.sys"

local file = {}

local TENSORS <const> = { "shift", "factor", "variances", "forward", "backward" }
local MATRICES <const> = { forward = true, backward = true }
local HEAD_MOST <const> = 1 << 24

-- { how =, fitted_on = recipe or nil, handle = or nil } -> the file's bytes
function file.encode(prep, notes)
  local head, parts, at = { __metadata__ = notes or {} }, {}, 0
  local metadata <const> = head.__metadata__
  metadata.format, metadata["latent.how"] = "latent preparation", json.encode(prep.how)
  if prep.handle then
    local numbers, real = core.numbers(prep.handle)
    local input, output = core.shapes(prep.handle)
    metadata["latent.shapes"] = json.encode { input = input, output = output }
    metadata["latent.fitted_on"] = json.encode(prep.fitted_on or {})
    for _, name in ipairs(TENSORS) do
      local bytes = numbers[name]
      if bytes then
        head[name] = { dtype = MATRICES[name] and real or "F64", data_offsets = { at, at + #bytes },
          shape = MATRICES[name] and { shapes.elements(output), shapes.elements(input) } or { shapes.elements(input) } }
        parts[#parts + 1] = bytes
        at = at + #bytes
      end
    end
  end
  local text = json.encode(head)
  text = text .. (" "):rep(-#text % 8)
  return string.pack("<I8", #text) .. text .. table.concat(parts)
end

local function decode_json(text)
  local value = json.try(text)
  return type(value) == "table" and value or nil
end

local function read_head(path, bytes)
  local size = #bytes >= 8 and string.unpack("<I8", bytes) or 0
  if size < 2 or size > math.min(HEAD_MOST, #bytes - 8) then
    sys.fail(("%s: found no header of a safetensors file, wanted a saved preparation"):format(path))
  end
  local head = decode_json(bytes:sub(9, 8 + size))
  local metadata = head and head.__metadata__
  if type(metadata) ~= "table" or metadata.format ~= "latent preparation" then
    sys.fail(("%s: found no preparation, wanted what prep:save wrote (networks: latent.load)"):format(path))
  end
  return head, metadata, 9 + size
end

local function read_tensor(path, name, entry, bytes, start)
  local offsets = type(entry) == "table" and entry.data_offsets
  local from, to = nil, nil
  if type(offsets) == "table" then from, to = math.tointeger(offsets[1]), math.tointeger(offsets[2]) end
  if not from or not to or from < 0 or to < from or to > #bytes - start + 1 then
    sys.fail(("%s: %s: its place is not within the file's %d bytes"):format(path, name, #bytes))
  end
  if entry.dtype ~= "F64" and not (entry.dtype == "F32" and MATRICES[name]) then
    sys.fail(("%s: %s: found numbers of type %s, wanted F64%s"):format(path, name, tostring(entry.dtype),
      MATRICES[name] and " or F32" or ""))
  end
  return bytes:sub(start + from, start + to - 1)
end

local function read_handle(path, head, metadata, bytes, start)
  local shapes = decode_json(metadata["latent.shapes"])
  if not shapes or type(shapes.input) ~= "table" or type(shapes.output) ~= "table" then
    sys.fail(path .. ": latent.shapes: wanted the shapes of its input and output")
  end
  local spec = { input = shapes.input, output = shapes.output }
  for _, name in ipairs(TENSORS) do
    if head[name] then spec[name] = read_tensor(path, name, head[name], bytes, start) end
  end
  local real = head.forward and head.forward.dtype or "F64"
  if head.backward and head.backward.dtype ~= real then
    sys.fail(("%s: backward: found numbers of type %s, wanted %s, as forward has"):format(path, head.backward.dtype,
      real))
  end
  return core.restore(spec, real, path)
end

-- The file's { how =, fitted_on =, handle = }; `learns` tells of a `how`
-- whether it has numbers, or nil when it is none.
function file.decode(path, bytes, learns)
  local head, metadata, start = read_head(path, bytes)
  local how = decode_json(metadata["latent.how"])
  local is_fitted = nil
  if how then is_fitted = learns(how) end
  if is_fitted == nil then sys.fail(path .. ": latent.how: wanted one of the known preparations") end
  if not is_fitted then return { how = how } end
  local fitted_on = decode_json(metadata["latent.fitted_on"])
  return { how = how, fitted_on = fitted_on and next(fitted_on) and fitted_on or nil,
    handle = read_handle(path, head, metadata, bytes, start) }
end

return file
