-- Shapes: lists of sizes, { 1, 28, 28 }.
local shape = {}

-- The numbers that one example of a shape has.
function shape.elements(sizes)
  local n = 1
  for _, size in ipairs(sizes) do n = n * size end
  return n
end

return shape
