-- Values as JSON and CSV text, numbers unrounded; text for terminals.
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

-- First and last of the characters above ASCII that a terminal may obey, or that
-- turn the direction of writing, or cannot be seen; as in src/base/visible.c.
local UNSEEN <const> = {
  { 0x80, 0x9F }, { 0xAD, 0xAD }, { 0x61C, 0x61C }, { 0x180E, 0x180E }, { 0x200B, 0x200B }, { 0x200E, 0x200F },
  { 0x2028, 0x202E }, { 0x2060, 0x206F }, { 0xFEFF, 0xFEFF }, { 0xFFF0, 0xFFFB }, { 0xE0000, 0xE0FFF },
}

local function is_unseen(code)
  for _, range in ipairs(UNSEEN) do
    if code >= range[1] and code <= range[2] then return true end
  end
  return false
end

-- Valid UTF-8 with each unseen character replaced by show(its code).
local function replace_unseen(text, show)
  if not text:find("[\128-\255]") then return text end
  return (text:gsub(utf8.charpattern, function(c)
    local code = #c > 1 and utf8.codepoint(c)
    return code and is_unseen(code) and show(code) or nil
  end))
end

-- Text that nobody vouches for, as a terminal may show it; see the essay of
-- include/latent/base/visible.h.
function encode.visible(text)
  if not text:find("[^\32-\126\n\t]") then return text end
  local parts, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    local good = text:sub(at, (bad or 0) - 1)
    parts[#parts + 1] = replace_unseen(good:gsub("[%c\127]", function(c)
      return c ~= "\n" and c ~= "\t" and c ~= "\r" and ("\\x%02x"):format(c:byte()) or nil
    end):gsub("\r(\n?)", function(after) return after == "" and "\\x0d" or nil end), function(code)
      return ("\\u{%x}"):format(code)
    end)
    if not bad then break end
    parts[#parts + 1] = ("\\x%02x"):format(text:byte(bad))
    at = bad + 1
  end
  return table.concat(parts)
end

-- The same on one line.
function encode.line(text)
  return encode.visible((tostring(text):gsub("[\t-\r]+", " ")))
end

local function json_escape(code)
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
end

local function quote(text)
  text = encode.utf8(text):gsub('[%c"\\\127]', function(c)
    return ESCAPES[c] or json_escape(c:byte())
  end)
  return '"' .. replace_unseen(text, json_escape) .. '"'
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
