-- Values as JSON and CSV text, numbers unrounded.
--
-- JSON has no NaN and no infinity: they become null, and the object that held
-- them gets a member "nonfinite": {"test.sse": "nan"}. Bytes that are not
-- UTF-8 become U+FFFD. Keys of a plain table are sorted; `order` gives others.
local encode = {}

local REPLACEMENT <const> = "\u{FFFD}"
local ESCAPES <const> = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

-- Valid UTF-8, each bad byte replaced.
function encode.utf8(text)
  if utf8.len(text) then return text end
  local parts, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    if not bad then
      parts[#parts + 1] = text:sub(at)
      break
    end
    parts[#parts + 1] = text:sub(at, bad - 1) .. REPLACEMENT
    at = bad + 1
  end
  return table.concat(parts)
end

local function quote(text)
  return '"' .. encode.utf8(text):gsub('[%c"\\\127]', function(c)
    return ESCAPES[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

-- "nan", "+inf", "-inf", or nil when x is finite.
function encode.nonfinite(x)
  if type(x) ~= "number" then return nil end
  if x ~= x then return "nan" end
  if x == math.huge then return "+inf" end
  if x == -math.huge then return "-inf" end
end

-- The shortest decimal that reads back as the same number.
function encode.number(x)
  if math.type(x) == "integer" then return ("%d"):format(x) end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(x)
    if tonumber(text) == x then
      return text:find("[.eE]") and text or text .. ".0"
    end
  end
  return ("%.17g"):format(x)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local to_json

local function object(t, order, indent)
  local parts, bad = {}, {}
  for _, key in ipairs(order or sorted_keys(t)) do
    local value = t[key]
    local kind = encode.nonfinite(value)
    if kind then bad[#bad + 1] = quote(tostring(key)) .. ": " .. quote(kind) end
    parts[#parts + 1] = quote(tostring(key)) .. ": " .. to_json(value, indent)
  end
  if #bad > 0 then parts[#parts + 1] = '"nonfinite": {' .. table.concat(bad, ", ") .. "}" end
  if not indent then return "{" .. table.concat(parts, ", ") .. "}" end
  if #parts == 0 then return "{}" end
  return "{\n" .. indent .. table.concat(parts, ",\n" .. indent) .. "\n" .. indent:sub(3) .. "}"
end

local Array <const> = { __name = "latent.array" }

-- Marks a table as an array, which matters when it is empty: [] and not {}.
function encode.array(t)
  return setmetatable(t, Array)
end

to_json = function(value, indent)
  local kind = type(value)
  if value == nil or encode.nonfinite(value) then return "null" end
  if kind == "number" then return encode.number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return quote(value) end
  if kind ~= "table" then error("JSON cannot hold a " .. kind, 2) end
  local inner = indent and indent .. "  "
  if value[1] == nil then
    return getmetatable(value) == Array and "[]" or object(value, nil, inner)
  end
  local parts = {}
  for i = 1, #value do parts[i] = to_json(value[i], inner) end
  if not indent or type(value[1]) ~= "table" then return "[" .. table.concat(parts, ", ") .. "]" end
  return "[\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. "]"
end

-- One value; `pretty` indents by two blanks.
function encode.json(value, pretty)
  return to_json(value, pretty and "" or nil)
end

-- One object whose members come in the order of `keys`; absent ones are null.
function encode.json_row(row, keys)
  return object(row, keys)
end

-- One field of a CSV line (RFC 4180); nil is empty, NaN is "nan".
function encode.csv(value)
  if value == nil then return "" end
  local kind = encode.nonfinite(value)
  if kind then return kind end
  if type(value) == "number" then return encode.number(value) end
  if type(value) == "table" then value = encode.json(value) end
  local text = tostring(value)
  if text:find('[",\r\n]') or text:find("^%s") or text:find("%s$") then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

return encode
