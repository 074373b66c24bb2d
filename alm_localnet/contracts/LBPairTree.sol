// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBPairMath} from "./LBPairMath.sol";

/// @notice Set of ids of 24 bits with look-up of the nearest below and above, three levels of 256 bits as TreeMath has.
library LBPairTree {
    struct Tree {
        uint256 top;
        mapping(uint256 => uint256) middle;
        mapping(uint256 => uint256) leaves;
    }

    function add(Tree storage tree, uint24 id) internal {
        uint256 leaf = tree.leaves[id >> 8];
        tree.leaves[id >> 8] = leaf | (1 << (id & 255));
        if (leaf != 0) return;
        uint256 middle = tree.middle[id >> 16];
        tree.middle[id >> 16] = middle | (1 << ((id >> 8) & 255));
        if (middle == 0) tree.top |= 1 << (id >> 16);
    }

    function remove(Tree storage tree, uint24 id) internal {
        uint256 leaf = tree.leaves[id >> 8] & ~(uint256(1) << (id & 255));
        tree.leaves[id >> 8] = leaf;
        if (leaf != 0) return;
        uint256 middle = tree.middle[id >> 16] & ~(uint256(1) << ((id >> 8) & 255));
        tree.middle[id >> 16] = middle;
        if (middle == 0) tree.top &= ~(uint256(1) << (id >> 16));
    }

    /// @return found whether there is one, next the greatest id below.
    function below(Tree storage tree, uint24 id) internal view returns (bool found, uint24 next) {
        uint256 bits = tree.leaves[id >> 8] & ((1 << (id & 255)) - 1);
        uint256 place = id >> 8;
        if (bits == 0) {
            bits = tree.middle[place >> 8] & ((1 << (place & 255)) - 1);
            place >>= 8;
            if (bits == 0) {
                bits = tree.top & ((1 << place) - 1);
                if (bits == 0) return (false, 0);
                place = LBPairMath.mostSignificantBit(bits);
                bits = tree.middle[place];
            }
            place = (place << 8) | LBPairMath.mostSignificantBit(bits);
            bits = tree.leaves[place];
        }
        return (true, uint24((place << 8) | LBPairMath.mostSignificantBit(bits)));
    }

    /// @return found whether there is one, next the smallest id above.
    function above(Tree storage tree, uint24 id) internal view returns (bool found, uint24 next) {
        uint256 bits = tree.leaves[id >> 8] & _over(id & 255);
        uint256 place = id >> 8;
        if (bits == 0) {
            bits = tree.middle[place >> 8] & _over(place & 255);
            place >>= 8;
            if (bits == 0) {
                bits = tree.top & _over(place);
                if (bits == 0) return (false, 0);
                place = _lowest(bits);
                bits = tree.middle[place];
            }
            place = (place << 8) | _lowest(bits);
            bits = tree.leaves[place];
        }
        return (true, uint24((place << 8) | _lowest(bits)));
    }

    function _over(uint256 bit) private pure returns (uint256) {
        return bit == 255 ? 0 : type(uint256).max << (bit + 1);
    }

    function _lowest(uint256 bits) private pure returns (uint256) {
        unchecked {
            return LBPairMath.mostSignificantBit(bits & (~bits + 1));
        }
    }
}
