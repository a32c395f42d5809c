@testable import Drills
import Testing
