// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice Stands in for GasPriceOracle of the OP Stack (predeploy 0x4200...000F; contracts-bedrock L2/GasPriceOracle.sol)
/// with the ABI and the figures of getL1FeeUpperBound since Fjord and of getL1Fee since Ecotone.
/// @dev Simplified: prices are set here by anybody instead of by the L1 block attributes, and getL1Fee counts calldata
/// gas as before Fjord also after it, instead of compressing.
contract GasPriceOracleStandIn {
    bool public isFjord;
    uint256 public l1BaseFee;
    uint256 public blobBaseFee;
    uint32 public baseFeeScalar;
    uint32 public blobBaseFeeScalar;

    function set(bool fjord, uint256 l1Base, uint256 blobBase, uint32 baseScalar, uint32 blobScalar) external {
        (isFjord, l1BaseFee, blobBaseFee, baseFeeScalar, blobBaseFeeScalar) =
            (fjord, l1Base, blobBase, baseScalar, blobScalar);
    }

    function getL1FeeUpperBound(uint256 unsignedTxSize) external view returns (uint256) {
        require(isFjord, "GasPriceOracle: getL1FeeUpperBound only supports Fjord");
        uint256 size = unsignedTxSize + 68; // a signature
        uint256 compressed = size + size / 255 + 16; // FastLZ of bytes that do not compress
        uint256 estimated = 836_500 * compressed;
        estimated = estimated < 42_585_600 + 100e6 ? 100e6 : estimated - 42_585_600;
        return estimated * _price() / 1e12;
    }

    function getL1Fee(bytes calldata data) external view returns (uint256) {
        uint256 gasUsed = 68 * 16;
        for (uint256 i = 0; i < data.length; ++i) gasUsed += data[i] == 0 ? 4 : 16;
        return gasUsed * _price() / 16e6;
    }

    function _price() private view returns (uint256) {
        return uint256(baseFeeScalar) * 16 * l1BaseFee + uint256(blobBaseFeeScalar) * blobBaseFee;
    }
}
