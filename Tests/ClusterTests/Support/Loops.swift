import NIOCore
import NIOPosix

enum Loops {
    static func next() -> any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }
}
