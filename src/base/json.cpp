// Boost.JSON, compiled once for the whole program (everyone else includes <boost/json.hpp> in a .cpp only).
#include <boost/json/src.hpp>
